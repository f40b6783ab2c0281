// A sink that keeps what is written, as a terminal of a given width or as a pipe.
// Imports agent/commands.

import type { Sink } from '../../../agent/commands/sink.js';

export interface MemorySink extends Sink {
  text: string;
}

export function memorySink(options: { columns?: number; colour?: boolean; terminal?: boolean } = {}): MemorySink {
  const { columns = 80, colour = false, terminal = false } = options;
  return {
    text: '',
    columns,
    colour,
    terminal,
    async write(text) {
      this.text += text;
    },
  };
}
