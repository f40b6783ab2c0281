// The page's modules for tests without a browser: they are plain JavaScript, and those taken here touch no document.
// Imports agent/api/page by URL, as no TypeScript file stands behind the names.

import type { LiveMessage, LiveService, Point } from '../../../../agent/api/live/sample.js';
import type { LogEntry } from '../../../../agent/control/recent-log.js';

export interface State {
  readonly services: ReadonlyMap<number, LiveService>;
  readonly points: readonly Point[];
  readonly events: readonly LogEntry[];
  begin(message: LiveMessage): void;
  sample(message: LiveMessage): void;
  select(filter: string): readonly LiveService[];
  countBackends(): { readonly all: number; readonly ready: number };
}

export const FOLDER = new URL('../../../../agent/api/page/', import.meta.url);

const load = (name: string): Promise<unknown> => import(new URL(name, FOLDER).href);

export async function newState(): Promise<State> {
  const { LiveState } = (await load('live-state.js')) as { LiveState: new () => State };
  return new LiveState();
}

export async function formats(): Promise<Readonly<Record<string, (...values: readonly unknown[]) => string>>> {
  return (await load('format.js')) as Readonly<Record<string, (...values: readonly unknown[]) => string>>;
}
