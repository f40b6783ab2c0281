// The page's colours in both schemes: text and marks against what is behind them, by the formula of WCAG 2.2.
// Reads agent/api/page/page.css.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { FOLDER } from './pages.js';

const css = readFileSync(new URL('page.css', FOLDER), 'utf8');
const [light = '', dark = ''] = [...css.matchAll(/:root \{([^}]*)\}/g)].map(([, body]) => body);
const variablesOf = (body: string) =>
  Object.fromEntries([...body.matchAll(/--([a-z-]+): (#[0-9a-f]{6})\b/g)].map(([, name, value]) => [name, value]));
const SCHEMES = { light: variablesOf(light), dark: { ...variablesOf(light), ...variablesOf(dark) } };

/** WCAG 2.2, "relative luminance" and "contrast ratio". */
function luminance(colour: string): number {
  const [red = 0, green = 0, blue = 0] = [1, 3, 5].map((at) => {
    const value = Number.parseInt(colour.slice(at, at + 2), 16) / 255;
    return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

function contrast(one: string, other: string): number {
  const [high = 0, low = 0] = [luminance(one), luminance(other)].sort((a, b) => b - a);
  return (high + 0.05) / (low + 0.05);
}

/** [in front, behind]. */
const TEXTS = [
  ...['text', 'muted', 'accent', 'good', 'warn', 'bad'].flatMap((name) => [[name, 'panel'] as const, [name, 'ground'] as const]),
  ...['good', 'warn', 'bad'].map((name) => [name, `${name}-ground`] as const),
  ['text', 'off-ground'],
  ['muted', 'off-ground'],
] as const;
const MARKS = [
  ...['forward', 'pass', 'drop', 'accent', 'muted', 'bad'].map((name) => [name, 'panel'] as const),
  ['accent', 'off-ground'],
  ['bad', 'off-ground'],
] as const;

describe('the colours of the page', () => {
  for (const [scheme, colours] of Object.entries(SCHEMES)) {
    const check = (pairs: readonly (readonly [string, string])[], least: number) => {
      for (const [front, behind] of pairs) {
        const ratio = contrast(colours[front] ?? '', colours[behind] ?? '');
        assert.ok(ratio >= least, `${front} on ${behind}: ${ratio.toFixed(2)}`);
      }
    };
    it(`have a contrast of 4.5 for text in ${scheme}`, () => check(TEXTS, 4.5));
    it(`have a contrast of 3 for marks in ${scheme}`, () => check(MARKS, 3));
  }

  it('are all of the two lists: no rule has a colour of its own', () => {
    const rules = css.slice(css.indexOf('* {'));
    assert.deepEqual(rules.match(/#[0-9a-f]{3,8}\b(?=;)/g), ['#0008'], 'the shade behind the dialog alone');
    assert.deepEqual(Object.keys(variablesOf(dark)).sort(), Object.keys(variablesOf(light)).sort());
  });
});
