// One check of one backend: resolves when it passed, else rejects with why.
// Imports agent/model and its siblings, one for each kind of check.
// Invariant: when it has ended, its socket or process is gone.

import type { HealthCheck, HealthKind } from '../model/health.js';
import { probeExec } from './probe-exec.js';
import { probeGrpc } from './probe-grpc.js';
import { probeHttp } from './probe-http.js';
import { probeTcp } from './probe-tcp.js';
import { probeUdp } from './probe-udp.js';
import type { Stop } from './attempt.js';
import type { Subject } from './subject.js';

export type Probe = (check: HealthCheck, subject: Subject, stop: Stop) => Promise<void>;

const PROBES: Readonly<Record<HealthKind, Probe>> = {
  tcp: probeTcp,
  http: probeHttp,
  https: probeHttp,
  udp: probeUdp,
  grpc: probeGrpc,
  grpcs: probeGrpc,
  exec: probeExec,
};

export const probe: Probe = (check, subject, stop) => PROBES[check.kind](check, subject, stop);
