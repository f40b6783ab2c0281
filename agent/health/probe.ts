// One check of one backend: resolves when it passed, else rejects with why.
// Imports node's net, http and https, and agent/model.
// Invariant: when it has ended, its socket is gone; none rests in TIME_WAIT.

import { type ClientRequest, request as httpRequest } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { connect } from 'node:net';
import { familyOf } from '../model/address.js';
import type { HealthCheck } from '../model/health.js';
import type { Endpoint } from '../model/service.js';

/** `host`: the name that a request names, the service's address. */
export function probe(check: HealthCheck, at: Endpoint, host: string, stop: AbortSignal): Promise<void> {
  const signal = AbortSignal.any([stop, AbortSignal.timeout(check.timeout)]);
  return check.kind === 'tcp' ? probeTcp(at, signal, check.timeout) : probeHttp(check, at, host, signal);
}

/** A reset ends the connection at both ends at once: the backend sees that nobody wanted anything. */
function probeTcp({ address, port }: Endpoint, signal: AbortSignal, timeout: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: address, port });
    const end = (error?: Error) => {
      signal.removeEventListener('abort', tooLate);
      socket.resetAndDestroy();
      if (error === undefined) resolve();
      else reject(error);
    };
    const tooLate = () => end(new Error(`no answer in ${timeout / 1000} s`));
    signal.addEventListener('abort', tooLate);
    socket.on('connect', () => end());
    socket.on('error', (error: NodeJS.ErrnoException) => end(new Error(textOf(error))));
  });
}

function probeHttp({ kind, path, timeout }: HealthCheck, { address, port }: Endpoint, host: string, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const options = {
      host: address,
      port,
      path: path ?? '/',
      agent: false,
      signal,
      family: familyOf(address),
      headers: { host: familyOf(host) === 6 ? `[${host}]` : host, 'user-agent': 'fairlead', connection: 'close' },
      // Whether a server is alive is asked here, not who it is.
      rejectUnauthorized: false,
    };
    const asked: ClientRequest = (kind === 'https' ? httpsRequest : httpRequest)(options, (response) => {
      const status = response.statusCode ?? 0;
      asked.destroy();
      if (status >= 200 && status < 400) resolve();
      else reject(new Error(`status ${status}`));
    });
    asked.on('error', (error: NodeJS.ErrnoException) =>
      reject(new Error(signal.aborted ? `no answer in ${timeout / 1000} s` : textOf(error))),
    );
    asked.end();
  });
}

/** Short, for a table: 'connection refused'. */
function textOf(error: NodeJS.ErrnoException): string {
  const known: Readonly<Record<string, string>> = {
    ECONNREFUSED: 'connection refused',
    ECONNRESET: 'connection reset',
    EHOSTUNREACH: 'no route to host',
    ENETUNREACH: 'network unreachable',
    ETIMEDOUT: 'no answer',
  };
  return known[error.code ?? ''] ?? error.message;
}
