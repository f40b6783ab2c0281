// The check by UDP: a datagram is answered, and the answer contains what is expected.
// Imports node:dgram, agent/model and its siblings.
// Invariant: answers of others are not heard (the socket is connected); answers that do not fit are waited past until the time limit.

import { createSocket } from 'node:dgram';
import { familyOf } from '../model/address.js';
import type { HealthCheck } from '../model/health.js';
import { payloadBytes } from '../model/parse-health.js';
import { attempt, type Stop, textOf } from './attempt.js';
import type { Subject } from './subject.js';

export function probeUdp({ timeout, send, expect }: HealthCheck, { at: { address, port } }: Subject, stop: Stop): Promise<void> {
  let wrong: Buffer | undefined;
  const made = attempt(timeout, stop, (end) => {
    const socket = createSocket(familyOf(address) === 6 ? 'udp6' : 'udp4');
    const fail = (error: NodeJS.ErrnoException) => end(error.code === 'ECONNREFUSED' ? 'port unreachable' : textOf(error));
    socket.on('error', fail);
    socket.on('message', (answer) => {
      if (answersTo(expect, answer)) end();
      else wrong = answer;
    });
    socket.connect(port, address, (error?: Error) => {
      if (error) fail(error);
      else socket.send(payloadBytes(send ?? ''), (failed) => failed && fail(failed));
    });
    return () => socket.close();
  });
  return made.catch((error: Error) => {
    throw wrong === undefined ? error : new Error(`answered without what is expected (${wrong.length} bytes)`);
  });
}

/** Whether an answer is one that passes. */
export function answersTo(expect: string | undefined, answer: Buffer): boolean {
  return expect === undefined || answer.includes(payloadBytes(expect));
}
