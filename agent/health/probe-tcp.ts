// The check by TCP: a connection is accepted.
// Imports node:net, agent/model and its siblings.
// Invariant: none of its connections rests in TIME_WAIT.

import { connect } from 'node:net';
import type { HealthCheck } from '../model/health.js';
import { attempt, type Stop, textOf } from './attempt.js';
import type { Subject } from './subject.js';

export function probeTcp({ timeout }: HealthCheck, { at: { address, port } }: Subject, stop: Stop): Promise<void> {
  return attempt(timeout, stop, (end) => {
    const socket = connect({ host: address, port });
    socket.on('connect', () => end());
    socket.on('error', (error: NodeJS.ErrnoException) => end(textOf(error)));
    // A reset ends the connection at both ends at once: the backend sees that nobody wanted anything.
    return () => void socket.resetAndDestroy();
  });
}
