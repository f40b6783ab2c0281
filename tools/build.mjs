// `npm run build`: compiles the agent, and the programs that the lab starts, to dist/, whether or not the sources changed.
// Imports tools/setup only. Invariant: dist/ is replaced only by a build without errors.

import { reportProblem } from './setup/problem.mjs';
import { build } from './setup/project.mjs';

try {
  build();
} catch (error) {
  process.exitCode = reportProblem(error);
}
