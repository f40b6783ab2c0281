// Load of HTTP requests from a host of the lab: many short ones, or long downloads whose content is checked.
// Imports its siblings; the requests are made by load-worker.ts in a process of its own on that host.
// Invariant: nothing is asked twice. Every request counts once, as ok or as failed with a reason.

import type { Lab } from './lab.js';
import { startWorker } from './worker.js';

export interface LoadOptions {
  /** Default http://VIP/ of IPv4. */
  readonly url?: string;
  /** Host that asks. Default client. */
  readonly from?: string;
  /** Requests under way at any time. Default 8. */
  readonly workers?: number;
  /** True: each worker keeps its connection. Default false: a new connection for each request. */
  readonly keepAlive?: boolean;
  /** Milliseconds that each worker waits between two requests. Default 0. */
  readonly pause?: number;
  /** Milliseconds after which a silent request counts as failed. Default 5000. */
  readonly timeout?: number;
  /** Requests in total. Default: until stop(). */
  readonly requests?: number;
  /** SHA-256 (hex) that every body must have. */
  readonly digest?: string;
}

export interface LoadReport {
  readonly requests: number;
  readonly ok: number;
  readonly failed: number;
  /** Reasons of the failed requests ('ECONNRESET', 'timeout', 'status 502', 'content') and how many each. */
  readonly failures: Readonly<Record<string, number>>;
  /** Requests answered by each backend, by its name. */
  readonly backends: Readonly<Record<string, number>>;
  /** Bytes of body received. */
  readonly bytes: number;
  /** Time from the first request to the end of the last. */
  readonly seconds: number;
  /** The slowest request, milliseconds. */
  readonly longest: number;
}

export interface Load {
  /** Resolves when options.requests have been made. */
  readonly done: Promise<LoadReport>;
  /** Lets the requests under way finish and returns the report. */
  stop(): Promise<LoadReport>;
}

/** Starts the load; returns when the first requests are on their way. */
export async function startLoad(lab: Lab, options: LoadOptions = {}): Promise<Load> {
  const worker = await startWorker(lab.host(options.from ?? 'client'), 'load-worker.ts', { url: lab.url(4), ...options });
  return { done: worker.done as Promise<LoadReport>, stop: () => worker.stop() as Promise<LoadReport> };
}
