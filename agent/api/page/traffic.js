// The plot of all traffic over the last minutes, by uPlot.
// Imports uPlot (served from node_modules) and its siblings.
// Invariant: colours are those of the style sheet, of the scheme that is on; a time of which nothing is known is a gap.

import uPlot from '/uplot.js';
import { formatBits, formatNumber, formatPackets } from './format.js';
import { find, make, setText } from './dom.js';

/** @typedef {import('./live-state.js').LiveState} LiveState */
/** @typedef {import('./live-state.js').Point} Point */
/** @typedef {'packets' | 'bits'} Unit */

const KINDS = /** @type {const} */ ([
  { kind: 'forward', label: 'Forwarded', colour: '--forward', width: 2 },
  { kind: 'pass', label: 'Passed to the system', colour: '--pass', width: 1.5 },
  { kind: 'drop', label: 'Dropped', colour: '--drop', width: 1.5 },
]);
const HEIGHT = 240;
/** Pixels that the numbers beside the plot take. */
const AXIS = 76;
/** Seconds between two points from which on the line is broken: readings are ten seconds apart while nobody looks. */
const GAP = 30;

/** @param {string} name of a variable of page.css */
const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

/** @param {readonly Point[]} points @param {Unit} unit */
function columnsOf(points, unit) {
  /** @type {number[]} */
  const times = [];
  const series = KINDS.map(() => /** @type {(number | null)[]} */ ([]));
  for (const point of points) {
    const last = times.at(-1);
    if (last !== undefined && point.at - last > GAP) {
      times.push(last + 1);
      for (const values of series) values.push(null);
    }
    times.push(point.at);
    KINDS.forEach(({ kind }, index) => void series[index]?.push(point[unit][kind]));
  }
  return /** @type {uPlot.AlignedData} */ ([times, ...series]);
}

/** @param {LiveState} state */
export function makeTraffic(state) {
  const place = find('plot', HTMLElement);
  const legend = find('legend', HTMLElement);
  /** @type {Unit} */
  let unit = 'packets';
  let minutes = 5;
  const format = (/** @type {number | null | undefined} */ value) => (unit === 'bits' ? formatBits(value) : formatPackets(value));

  const values = KINDS.map(({ label, kind }) => {
    const value = make('span', { class: 'value' });
    legend.append(make('li', { 'data-kind': kind }, make('span', { class: 'swatch', 'aria-hidden': 'true' }), `${label} `, value));
    return value;
  });

  const newest = () => state.message?.at ?? Date.now() / 1000;
  const axis = { stroke: () => colour('--muted'), grid: { stroke: () => colour('--line'), width: 1 }, ticks: { show: false } };
  const font = '12px system-ui, sans-serif';
  const plot = new uPlot(
    {
      width: place.clientWidth || 600,
      height: HEIGHT,
      legend: { show: false },
      cursor: { drag: { x: false, y: false }, points: { size: 7 } },
      scales: {
        x: { range: () => [newest() - minutes * 60, newest()] },
        // From 0, and never of no height.
        y: { range: (_plot, _least, most) => [0, Math.max(most * 1.1, 10)] },
      },
      axes: [
        { ...axis, font, size: 30, values: '{HH}:{mm}:{ss}', space: 70 },
        {
          ...axis,
          font,
          size: AXIS,
          values: (_plot, splits) => splits.map((value) => (unit === 'bits' ? formatBits(value) : formatNumber(value))),
        },
      ],
      series: [
        {},
        ...KINDS.map(({ label, colour: name, width }, index) => ({
          label,
          width,
          stroke: () => colour(name),
          ...(index === 0 ? { fill: () => colour('--forward-fill') } : {}),
          points: { show: false },
        })),
      ],
      hooks: { setCursor: [() => tell()] },
    },
    [[], ...KINDS.map(() => [])],
    place,
  );

  /** The numbers at the pointer, or the newest. */
  function tell() {
    const at = plot.cursor.idx ?? plot.data[0].length - 1;
    values.forEach((value, index) => void setText(value, format(plot.data[index + 1]?.[at])));
  }

  function draw() {
    plot.setData(columnsOf(state.points, unit));
    tell();
  }

  new ResizeObserver(() => plot.setSize({ width: place.clientWidth, height: HEIGHT })).observe(place);
  window.matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => plot.redraw());
  document.addEventListener('change', ({ target }) => {
    if (!(target instanceof HTMLInputElement)) return;
    if (target.name === 'unit') unit = target.value === 'bits' ? 'bits' : 'packets';
    else if (target.name === 'minutes') minutes = Number(target.value);
    else return;
    draw();
  });
  return draw;
}
