// The steps of an explanation as they are found, and what is known of the flow meanwhile.
// Imports agent/model and its siblings.

import type { Verdict } from '../../model/events.js';
import type { ExplainStep, ExplainStepName, Outcome } from '../../model/explanation.js';
import type { FrameView } from '../../model/frame.js';
import type { Action, Endpoint } from '../../model/service.js';

/** What will become of the packet, with the reasons in their order. */
export interface Decision {
  readonly kind: 'SYN' | 'ACK' | 'datagram';
  readonly steps: readonly ExplainStep[];
  readonly outcome: Outcome;
  readonly service: number | undefined;
  readonly backend: Endpoint | undefined;
  /** Of the backend whose next hop counts; undefined: none does. */
  readonly backendId: number | undefined;
  readonly mode: Action | undefined;
  /** Of the service, where it looks at QUIC connection ids. */
  readonly quicConfig: number | undefined;
}

export class Steps {
  readonly list: ExplainStep[] = [];
  kind: Decision['kind'];
  service: number | undefined;
  backend: Endpoint | undefined;
  backendId: number | undefined;
  mode: Action | undefined;
  /** Of the flow's entry, once the packet has it and goes on. */
  slot: number | undefined;
  quicConfig: number | undefined;

  constructor(kind: Decision['kind']) {
    this.kind = kind;
  }

  add(step: ExplainStepName, text: string): void {
    this.list.push({ step, text, ends: false });
  }

  /** The last step, and what it leads to. */
  end(step: ExplainStepName, text: string, verdict: Verdict, reason: string): Decision {
    this.list.push({ step, text, ends: true });
    return this.decide(verdict, reason, undefined);
  }

  decide(verdict: Verdict, reason: string, frame: FrameView | undefined): Decision {
    const { kind, service, backend, backendId, mode, quicConfig } = this;
    const slot = verdict === 'drop' ? undefined : this.slot;
    return { kind, steps: this.list, outcome: { verdict, reason, frame, slot }, service, backend, backendId, mode, quicConfig };
  }
}
