// The check by HTTP or HTTPS: a GET is answered with a status from 200 to 399.
// Imports node:http, node:https, agent/model and its siblings.
// Invariant: the connection is closed as soon as the status is known, however long the answer is.

import { request as httpRequest } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { familyOf } from '../model/address.js';
import type { HealthCheck } from '../model/health.js';
import { attempt, textOf } from './attempt.js';
import type { Subject } from './subject.js';

export function probeHttp({ kind, path, timeout }: HealthCheck, { at, frontend }: Subject, stop: AbortSignal): Promise<void> {
  return attempt(timeout, stop, (end) => {
    const options = {
      host: at.address,
      port: at.port,
      path: path ?? '/',
      agent: false,
      family: familyOf(at.address),
      // The request is for the service, whichever backend is asked.
      headers: { host: authority(frontend.address), 'user-agent': 'fairlead', connection: 'close' },
      // Whether a server is alive is asked here, not who it is.
      rejectUnauthorized: false,
    };
    const asked = (kind === 'https' ? httpsRequest : httpRequest)(options, ({ statusCode = 0 }) =>
      end(statusCode >= 200 && statusCode < 400 ? undefined : `status ${statusCode}`),
    );
    asked.on('error', (error: NodeJS.ErrnoException) => end(textOf(error)));
    asked.end();
    return () => void asked.destroy();
  });
}

/** An address as it stands in URLs and in the header Host. */
export function authority(address: string): string {
  return familyOf(address) === 6 ? `[${address}]` : address;
}
