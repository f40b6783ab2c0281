// A state that is being made from another: one packet's changes, entry by entry.
// Imports the state's types and worth.ts.
// Invariant: the state that it began with stays as it was; what is not changed is shared.

import { type Backend, EMPTY, type Family, type Flow, type Plane, type Reverse, type Slot, type State, type Window } from './state.js';
import { type BackendTable, replyOf } from './worth.js';

type Changing<Entry> = { -readonly [Name in keyof Entry]: Entry[Name] };

export class Draft {
  readonly now: number;
  readonly #family: Family;
  readonly #before: State;
  readonly #plane: Changing<Plane>;
  #window: State['window'];
  #answers: State['answers'];
  #proofs: Pick<State, 'proven' | 'cookies'> = {};

  constructor(before: State, family: Family, now: number) {
    this.now = now;
    this.#before = before;
    this.#family = family;
    this.#plane = { ...before.planes[family], ...(family === 4 ? { others: before.planes[6].backends } : {}) };
    this.#window = before.window;
    this.#answers = before.answers;
    if (before.proven) this.noteProofs({ proven: before.proven });
    if (before.cookies) this.noteProofs({ cookies: before.cookies });
  }

  get plane(): Plane {
    return this.#plane;
  }

  get settings(): State['settings'] {
    return this.#before.settings;
  }

  get window(): State['window'] {
    return this.#window;
  }

  set window(window: State['window']) {
    this.#window = window;
  }

  get answers(): Window {
    return this.#answers ?? { began: 0, count: 0 };
  }

  set answers(window: Window) {
    this.#answers = window;
  }

  get proven(): NonNullable<State['proven']> {
    return this.#proofs.proven ?? new Map();
  }

  get cookies(): NonNullable<State['cookies']> {
    return this.#proofs.cookies ?? new Map();
  }

  /** Replaces what is known about clients' addresses. */
  noteProofs(proofs: Pick<State, 'proven' | 'cookies'>): void {
    this.#proofs = { ...this.#proofs, ...proofs };
  }

  /** Changes fields of an entry that is there. */
  changeFlow(index: number, change: Partial<Flow>): Flow {
    const { claims, entry } = this.#plane.flows[index] as Slot<Flow>;
    const changed = { ...(entry as Flow), ...change };
    this.#putFlow(index, { claims, entry: changed });
    return changed;
  }

  changeReply(index: number, change: Partial<Reverse>): void {
    const { claims, entry } = this.#plane.replies[index] as Slot<Reverse>;
    this.#putReply(index, { claims, entry: { ...(entry as Reverse), ...change } });
  }

  /** Replaces what stands beside the flow tables. */
  note(part: Pick<Plane, 'affinity'> | Pick<Plane, 'fragments'>): void {
    Object.assign(this.#plane, part);
  }

  /** `table`: as backendTable() says. */
  changeBackend(table: BackendTable, id: number, change: Partial<Backend>): Backend {
    const backends = this.#plane[table] as readonly Backend[];
    const changed = { ...(backends[id] as Backend), ...change };
    this.#plane[table] = backends.with(id, changed);
    return changed;
  }

  /** Takes a slot: the flow that has it ends. */
  takeFlow(index: number, entry: Flow): void {
    const former = this.#plane.flows[index]?.entry;
    if (former !== undefined && replyOf(this.#plane, former) !== undefined) this.freeReply(former.reverse);
    this.#putFlow(index, { claims: this.#claims(this.#plane.flows, index), entry });
  }

  freeFlow(index: number, yielded: boolean): void {
    const claims = this.#claims(this.#plane.flows, index);
    this.#putFlow(index, { claims, entry: undefined, freed: true, ...(yielded ? { yielded } : {}) });
  }

  /** Frees a slot that was taken in this very step: the same claim. */
  abandonFlow(index: number): void {
    this.#putFlow(index, { ...(this.#plane.flows[index] as Slot<Flow>), entry: undefined, freed: true });
  }

  /** Takes the slot of a reverse entry: the flow that it belonged to ends. `yields`: it had not ended. */
  takeReply(index: number, entry: Reverse, yields: boolean): void {
    const former = this.#plane.replies[index]?.entry;
    const flow = former === undefined ? undefined : this.#plane.flows[former.flow]?.entry;
    if (former !== undefined && flow !== undefined && former.flow !== entry.flow) {
      if (flow.action === 'snat' && flow.reverse === index && flow.tuple.protocol === former.tuple.protocol)
        this.freeFlow(former.flow, yields);
    }
    this.#putReply(index, { claims: this.#claims(this.#plane.replies, index), entry });
  }

  freeReply(index: number): void {
    this.#putReply(index, { claims: this.#claims(this.#plane.replies, index), entry: undefined, freed: true });
  }

  finish(): State {
    const { others, ...plane } = this.#plane;
    const { planes } = this.#before;
    return {
      ...this.#before,
      window: this.#window,
      ...(this.#answers && { answers: this.#answers }),
      ...this.#proofs,
      planes:
        this.#family === 6
          ? { ...planes, 6: plane }
          : { 4: plane, 6: others === planes[6].backends ? planes[6] : { ...planes[6], backends: others ?? [] } },
    };
  }

  #claims(slots: readonly Slot<unknown>[], index: number): number {
    return ((slots[index] ?? EMPTY).claims + 1) % 2 ** 24;
  }

  #putFlow(index: number, slot: Slot<Flow>): void {
    this.#plane.flows = this.#plane.flows.with(index, slot);
  }

  #putReply(index: number, slot: Slot<Reverse>): void {
    this.#plane.replies = this.#plane.replies.with(index, slot);
  }
}
