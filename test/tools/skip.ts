// Skips a test, or from a hook all tests of the suite, with a reason that the report shows.
// Imports nothing but mocha's types.
// Invariant: no test of this project is skipped without saying why.

/**
 * Call as `skipTest(this, 'no second CPU')` in a test or hook that is a `function`; it does not return.
 * tools/mocha-reporter.mjs prints the reason.
 */
export function skipTest(context: Mocha.Context, reason: string): never {
  const runnable = context.test;
  // In a hook mocha gives the hook here, which is no test: then the reason stands on the suite.
  const isHook = runnable !== undefined && (runnable as { type?: string }).type === 'hook';
  const owner: object | undefined = isHook ? runnable.parent : runnable;
  if (owner !== undefined) Object.assign(owner, { skipReason: reason });
  return context.skip();
}
