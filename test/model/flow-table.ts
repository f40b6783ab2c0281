// One flow table of the kernel's beside what the model says that it holds, compared as memory.
// Imports memory.ts and the model's state.
// Invariant: what an empty slot holds besides its word is nobody's concern.

import { slotBytes } from './memory.js';
import type { Family, Flow, Reverse, Slot } from './state.js';

/** One flow table: the kernel's memory, and what the model says that it holds. */
export class FlowTable<Entry extends Flow | Reverse> {
  readonly #memory: Buffer;
  readonly #image: Buffer;
  readonly #family: Family;
  readonly #write: (to: Buffer, at: number, family: Family, slot: Slot<Entry>) => void;
  #slots: readonly Slot<Entry>[] = [];

  constructor(memory: Buffer, family: Family, write: (to: Buffer, at: number, family: Family, slot: Slot<Entry>) => void) {
    this.#memory = memory;
    this.#image = Buffer.alloc(memory.length);
    this.#family = family;
    this.#write = write;
  }

  put(slots: readonly Slot<Entry>[]): void {
    for (const at of this.#take(slots)) this.#image.copy(this.#memory, at, at, at + slotBytes(this.#family));
  }

  /** The index of the first slot that differs from the model's; undefined: none does. */
  differs(slots: readonly Slot<Entry>[]): number | undefined {
    this.#take(slots);
    if (this.#image.equals(this.#memory)) return undefined;
    const size = slotBytes(this.#family);
    return slots.findIndex(
      (_, i) => !this.#image.subarray(i * size, (i + 1) * size).equals(this.#memory.subarray(i * size, (i + 1) * size)),
    );
  }

  /** The next put() writes every slot. */
  forget(): void {
    this.#slots = [];
  }

  show(index: number): string {
    const size = slotBytes(this.#family);
    const part = (buffer: Buffer) => buffer.toString('hex', index * size, (index + 1) * size);
    return `model ${part(this.#image)}\n    kernel ${part(this.#memory)}`;
  }

  /** Brings the image up to date; the offsets of slots that changed. What an empty slot holds besides its word is taken from the kernel. */
  #take(slots: readonly Slot<Entry>[]): number[] {
    const changed: number[] = [];
    if (slots === this.#slots) return changed;
    const size = slotBytes(this.#family);
    for (let i = 0; i < slots.length; i++) {
      const slot = slots[i] as Slot<Entry>;
      if (slot === this.#slots[i]) continue;
      const at = i * size;
      if (slot.entry === undefined) this.#memory.copy(this.#image, at, at, at + size);
      this.#write(this.#image, at, this.#family, slot);
      changed.push(at);
    }
    this.#slots = slots;
    return changed;
  }
}
