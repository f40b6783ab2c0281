// A terminal's keys, one by one, for a command that draws a screen.
// Imports node:readline alone.
// Invariant: whoever had the keys before has them again afterwards, and the terminal its mode.

import { emitKeypressEvents } from 'node:readline';
import type { Readable } from 'node:stream';

export type KeyInput = Readable & { readonly isRaw?: boolean; setRawMode?(raw: boolean): unknown };

interface Key {
  readonly name?: string;
  readonly ctrl?: boolean;
}

/** Hands each key's character to `pressed`, and not to those who listened before, such as a line editor. Ctrl-C is `interrupt`. */
export function takeKeys(input: KeyInput, pressed: (key: string) => void, interrupt: () => void): { close(): void } {
  const before = input.listeners('keypress') as ((...args: unknown[]) => void)[];
  const makeRaw = input.isRaw === false;
  const onKey = (character: string | undefined, key: Key | undefined) => {
    if (key?.ctrl === true && key.name === 'c') interrupt();
    else if (character !== undefined) pressed(character);
  };
  emitKeypressEvents(input);
  if (makeRaw) input.setRawMode?.(true);
  input.removeAllListeners('keypress');
  input.on('keypress', onKey);
  input.resume();
  return {
    close() {
      input.off('keypress', onKey);
      for (const listener of before) input.on('keypress', listener);
      if (makeRaw) {
        input.setRawMode?.(false);
        input.pause();
      }
    },
  };
}
