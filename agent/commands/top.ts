// `top`: what services or backends do now, again and again; a screen with keys at a terminal, plain text elsewhere.
// Imports agent/model and its siblings.
// Invariant: the terminal is given back as it was, however the view ends.

import { parsePositiveInteger, parseWord } from '../model/parse.js';
import { parseInterval } from '../model/parse-value.js';
import { ratesBetween } from '../model/stats.js';
import { pause } from './stats-text.js';
import { type Moment, type Shown, SHOWN, SORT_NAMES, SORTS, type SortName, topScreen } from './top-screen.js';
import { type CommandContext, defineVerb, optional, withDefault } from './verb.js';

/** The terminal's other screen, without a cursor; and back (xterm's control sequences, which all terminals of today know). */
const ENTER = '\x1b[?1049h\x1b[?25l';
const LEAVE = '\x1b[?25h\x1b[?1049l';
const HOME = '\x1b[H';
const CLEAR_LINE = '\x1b[K';
const CLEAR_BELOW = '\x1b[J';
/** Of a terminal that does not say. */
const DEFAULT_ROWS = 24;

interface View {
  sort: SortName;
  show: Shown;
}

export const top = defineVerb({
  words: 'top',
  summary: 'show what services and backends do now, again and again',
  details:
    'At a terminal: t, p, f, n, r, i sort by bits, packets, flows, new flows, refused and id, b changes between services and backends, q ends. ' +
    'Elsewhere one look is printed, or as many as --count says.',
  examples: ['top', 'top --show=backends --sort=flows', 'top --interval=0.5 --count=2'],
  flags: {
    interval: withDefault({ name: 'interval', placeholder: 'SECONDS', text: 'between two looks, 0.1 to 3600', parse: parseInterval }, '1'),
    count: optional({
      name: 'count',
      placeholder: 'N',
      text: 'ends after so many looks',
      parse: (text, where) => parsePositiveInteger(text, 'number', where, 0xffff_ffff),
    }),
    sort: withDefault(
      {
        name: 'sort',
        placeholder: SORT_NAMES.join('|'),
        text: 'what comes first',
        parse: (text, where) => parseWord<SortName>(text, 'order', SORT_NAMES, where),
        choices: SORT_NAMES,
      },
      'bits',
    ),
    show: withDefault(
      {
        name: 'show',
        placeholder: SHOWN.join('|'),
        text: 'a line of each',
        parse: (text, where) => parseWord<Shown>(text, 'kind of line', SHOWN, where),
        choices: SHOWN,
      },
      'services',
    ),
  },
  async run(context, { interval, count, ...view }) {
    const { out, keyboard } = context;
    if (!out.terminal || keyboard === undefined) return printLooks(context, view, interval, count ?? 1);
    await out.write(ENTER);
    try {
      await showScreen(context, keyboard, { ...view }, interval, count);
    } finally {
      await out.write(LEAVE);
    }
  },
});

/** One look after the other, each `interval` seconds long. */
async function* looks({ agent, signal }: CommandContext, interval: number, count: number | undefined): AsyncGenerator<Moment> {
  // Asked for in one turn, so that both share one pass over the flow tables.
  const look = () => Promise.all([agent.status(), agent.readStats()]);
  let [status, stats] = await look();
  for (let done = 0; count === undefined || done < count; done++) {
    await pause(interval, signal);
    if (signal.aborted) return;
    const [before, former] = [status, stats];
    [status, stats] = await look();
    yield { status, before, rates: ratesBetween(former, stats), passed: Math.max(stats.at - former.at, 0.001) };
  }
}

async function printLooks(context: CommandContext, view: View, interval: number, count: number): Promise<void> {
  const { out } = context;
  for await (const moment of looks(context, interval, count)) {
    const lines = topScreen(moment, { ...view, columns: out.columns, rows: undefined, keys: false });
    await out.write(`${new Date(moment.rates.at * 1000).toISOString()}\n${lines.join('\n')}\n\n`);
  }
}

/** A screen that is drawn anew at each look and each key. */
async function showScreen(
  context: CommandContext,
  keyboard: NonNullable<CommandContext['keyboard']>,
  view: View,
  interval: number,
  count: number | undefined,
): Promise<void> {
  const { out } = context;
  const quit = new AbortController();
  const end = () => quit.abort();
  context.signal.addEventListener('abort', end);
  let last: Moment | undefined;
  const draw = async (): Promise<void> => {
    const rows = out.rows ?? DEFAULT_ROWS;
    const lines = last === undefined ? ['...'] : topScreen(last, { ...view, columns: out.columns, rows: rows - 1, keys: true });
    await out.write(HOME + lines.map((line) => `${line}${CLEAR_LINE}\r\n`).join('') + CLEAR_BELOW);
  };
  const keys = keyboard((key) => {
    if (key === 'q') return end();
    const sort = SORT_NAMES.find((name) => SORTS[name].key === key);
    if (sort !== undefined) view.sort = sort;
    else if (key === 'b') view.show = view.show === 'services' ? 'backends' : 'services';
    else return;
    void draw();
  });
  try {
    await draw();
    for await (const moment of looks({ ...context, signal: quit.signal }, interval, count)) {
      last = moment;
      await draw();
    }
  } finally {
    keys.close();
    context.signal.removeEventListener('abort', end);
  }
}
