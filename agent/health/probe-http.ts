// The check by HTTP or HTTPS: a GET is answered with a status from 200 to 399.
// Imports node:net, node:tls, agent/model and its siblings.
// Invariant: the connection is gone as soon as the status is known, however long the answer is; one without TLS does not rest in TIME_WAIT.
// By hand: only the status line matters, and node:http takes about 1.4 times the processor time for it (bench/health-cost.ts).

import { connect } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { familyOf } from '../model/address.js';
import type { HealthCheck } from '../model/health.js';
import { attempt, type Stop, textOf } from './attempt.js';
import type { Subject } from './subject.js';

/** Of all that comes before the status: what servers say ahead of it (100, 103) has room. */
const LONGEST_HEAD = 16 * 1024;

export function probeHttp({ kind, path, timeout }: HealthCheck, { at, frontend }: Subject, stop: Stop): Promise<void> {
  return attempt(timeout, stop, (end) => {
    const place = { host: at.address, port: at.port };
    // Whether a server is alive is asked here, not who it is.
    const socket = kind === 'https' ? connectTls({ ...place, rejectUnauthorized: false }) : connect(place);
    let head = '';
    // The request is for the service, whichever backend is asked.
    socket.write(
      `GET ${path ?? '/'} HTTP/1.1\r\nHost: ${authority(frontend.address)}\r\nUser-Agent: fairlead\r\nConnection: close\r\n\r\n`,
    );
    socket.on('data', (chunk: Buffer) => {
      head += chunk.toString('latin1');
      const status = readStatus(head);
      if (status !== undefined) end(status >= 200 && status < 400 ? undefined : `status ${status}`);
      else if (head.length > LONGEST_HEAD || !'HTTP/1.'.startsWith(head.slice(0, 7))) end('the answer is not HTTP');
    });
    socket.on('end', () => end('closed without an answer'));
    socket.on('error', (error: NodeJS.ErrnoException) => end(textOf(error)));
    return () => void (kind === 'https' ? socket.destroy() : socket.resetAndDestroy());
  });
}

/** The status of the final answer (RFC 9112, section 4); undefined: it is not there yet. */
export function readStatus(text: string): number | undefined {
  for (let from = 0; ; ) {
    const line = /^HTTP\/1\.\d (\d{3})(?: [^\r\n]*)?\r?\n/.exec(text.slice(from));
    if (line === null) return undefined;
    const status = Number(line[1]);
    if (status >= 200) return status;
    // An interim answer: headers and an empty line, then the next one.
    const rest = text.indexOf('\r\n\r\n', from);
    if (rest < 0) return undefined;
    from = rest + 4;
  }
}

/** An address as it stands in URLs and in the header Host. */
export function authority(address: string): string {
  return familyOf(address) === 6 ? `[${address}]` : address;
}
