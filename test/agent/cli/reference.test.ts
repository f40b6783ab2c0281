import { renderReference } from '../../../agent/cli/reference.js';
import { VERBS } from '../../../agent/commands/verbs.js';
import { compareGolden } from '../support/golden.js';

describe('docs/commands.md', () => {
  it('is what the commands say of themselves', () => {
    compareGolden(renderReference(VERBS), new URL('../../../docs/commands.md', import.meta.url));
  });
});
