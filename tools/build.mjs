// `npm run build`: compiles agent/ and platform/ to dist/, whether or not the sources changed.
// Imports tools/setup only. Invariant: dist/ is replaced only by a build without errors.

import { reportProblem } from './setup/problem.mjs';
import { build } from './setup/project.mjs';

try {
  build();
} catch (error) {
  process.exitCode = reportProblem(error);
}
