// Which combinations of features are tried: all of them, or so many that every two choices of two features meet in one.
// Imports features.ts for its types.

import type { Combination, Feature } from './features.js';

/** Every combination: the product of all choices. */
export function* product(features: readonly Feature[]): Generator<Combination> {
  const total = features.reduce((count, { choices }) => count * choices.length, 1);
  for (let number = 0; number < total; number++) {
    let rest = number;
    yield features.map(({ choices }) => {
      const index = rest % choices.length;
      rest = Math.floor(rest / choices.length);
      return index;
    });
  }
}

/** The least, and each choice alone beside it. */
export function alone(features: readonly Feature[]): readonly Combination[] {
  const least = features.map(() => 0);
  return [least, ...features.flatMap(({ choices }, at) => choices.slice(1).map((_, index) => least.with(at, index + 1)))];
}

/** The last choice of every feature. */
export function most(features: readonly Feature[]): Combination {
  return features.map(({ choices }) => choices.length - 1);
}

/**
 * So many combinations that each pair of choices of two features stands in one. Greedy, as in Cohen et al., "The AETG System" (1997):
 * each combination takes one after the other, for every feature, the choice that makes most new pairs with those taken before.
 */
export function pairwise(features: readonly Feature[]): readonly Combination[] {
  const open = new Set<string>();
  const key = (a: number, x: number, b: number, y: number) => (a < b ? `${a}:${x} ${b}:${y}` : `${b}:${y} ${a}:${x}`);
  features.forEach(({ choices }, a) => {
    choices.forEach((_, x) => {
      for (let b = a + 1; b < features.length; b++) features[b]?.choices.forEach((_other, y) => void open.add(key(a, x, b, y)));
    });
  });
  const made: Combination[] = [];
  while (open.size > 0) {
    const [first = ''] = open;
    const taken = new Map(first.split(' ').map((part) => part.split(':').map(Number) as [number, number]));
    features.forEach(({ choices }, at) => {
      if (taken.has(at)) return;
      const gains = choices.map((_, index) => [...taken].filter(([other, choice]) => open.has(key(at, index, other, choice))).length);
      taken.set(at, gains.indexOf(Math.max(...gains)));
    });
    const combination = features.map((_, at) => taken.get(at) ?? 0);
    combination.forEach((x, a) => {
      for (let b = a + 1; b < features.length; b++) open.delete(key(a, x, b, combination[b] ?? 0));
    });
    made.push(combination);
  }
  return made;
}
