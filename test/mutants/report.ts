// What the campaign found, for people: a table that fits 80 columns, and the totals.
// Imports the table of agent/commands and its siblings. Returns text.

import { renderTable } from '../../agent/commands/table.js';
import type { MutantResult } from './campaign.js';
import type { Mutant } from './mutant.js';

const WIDTH = 80;

/** One row for each fault: what became of it, and the test that caught it. */
export function formatResults(results: readonly MutantResult[]): string {
  const table = renderTable<MutantResult>(
    [
      { title: 'Fault', value: ({ mutant }) => mutant.name },
      { title: 'Outcome', value: ({ outcome }) => outcome },
      { title: 'Caught by', value: ({ outcome, text }) => (outcome === 'caught' ? text : `- (${text})`) },
    ],
    results,
    WIDTH,
  );
  const count = (outcome: MutantResult['outcome']): number => results.filter((result) => result.outcome === outcome).length;
  return `${table}${results.length} faults: ${count('caught')} caught, ${count('survived')} survived, ${count('broken')} broken\n`;
}

/** The faults by name, with what each breaks. */
export function formatList(mutants: readonly Mutant[]): string {
  return renderTable<Mutant>(
    [
      { title: 'Fault', value: ({ name }) => name },
      { title: 'What it breaks', value: ({ breaks }) => breaks },
    ],
    mutants,
    WIDTH,
  );
}
