// The last minutes of all traffic, so that a page that opens has something to show.
// Imports its siblings.
// Invariant: memory is bounded by time and by number, whatever the interval between two points.

import type { Point } from './sample.js';

/** Seconds that are kept. */
export const HISTORY = 600;
/** One point a second. */
const MOST_POINTS = HISTORY;

export class History {
  readonly #points: Point[] = [];

  add(point: Point): void {
    this.#points.push(point);
    const oldest = point.at - HISTORY;
    let gone = Math.max(0, this.#points.length - MOST_POINTS);
    while ((this.#points[gone]?.at ?? Infinity) < oldest) gone += 1;
    this.#points.splice(0, gone);
  }

  /** The oldest first. */
  get points(): readonly Point[] {
    return this.#points;
  }
}
