// Compares two frames byte by byte and tells the difference field by field.
// Imports its siblings alone.

import { AssertionError } from 'node:assert/strict';
import { decodeFrame } from './parse.js';

/** One line for each field that differs, or that only one of the frames has; empty when the bytes are equal. */
export function diffFrames(actual: Buffer, expected: Buffer): readonly string[] {
  if (actual.equals(expected)) return [];
  const lines: string[] = [];
  if (actual.length !== expected.length) lines.push(`frame length: ${actual.length}, expected ${expected.length}`);
  const unmatched = [...decodeFrame(expected)];
  for (const field of decodeFrame(actual)) {
    const found = unmatched.findIndex((other) => other.name === field.name);
    const wrong = field.shouldBe === undefined ? '' : ` (wrong: its bytes give ${field.shouldBe})`;
    const before = found < 0 ? undefined : unmatched.splice(found, 1)[0];
    if (before?.text !== field.text) lines.push(`${field.name}: ${field.text}${wrong}, expected ${before?.text ?? 'no such field'}`);
  }
  for (const field of unmatched) lines.push(`${field.name}: missing, expected ${field.text}`);
  if (lines.length === 0) lines.push(`bytes: ${actual.toString('hex')}, expected ${expected.toString('hex')}`);
  return lines;
}

/** Throws an AssertionError that lists the differing fields. */
export function assertFrame(actual: Buffer, expected: Buffer, what = 'the frame'): void {
  const lines = diffFrames(actual, expected);
  if (lines.length === 0) return;
  throw new AssertionError({
    message: `${what} differs:\n  ${lines.join('\n  ')}`,
    actual: actual.toString('hex'),
    expected: expected.toString('hex'),
    operator: 'assertFrame',
  });
}
