// The agent's log when nobody sits at a prompt: a line for each thing that happened, as text on a terminal, else as JSON.
// Imports agent/commands/sink.ts, agent/model and agent/control's type of it.
// Invariant: one event is one line; a field's value cannot break it.

import type { Sink } from '../commands/sink.js';
import type { Log } from '../control/log.js';
import { LOG_LEVELS, type LogLevel } from '../model/settings.js';

/** Writes what is at least as grave as `level`. `now` gives milliseconds since 1970. */
export function makeLog(sink: Sink, level: LogLevel, now: () => number = Date.now): Log {
  const least = LOG_LEVELS.indexOf(level);
  return (at, message, fields = {}) => {
    if (LOG_LEVELS.indexOf(at) > least) return;
    const time = new Date(now()).toISOString();
    void sink.write(sink.terminal ? formatText(time, at, message, fields) : `${JSON.stringify({ time, level: at, message, ...fields })}\n`);
  };
}

/** '2026-01-02T03:04:05.678Z info    service 1 created  by=api frontend="40.1.1.1:80/tcp"'. */
function formatText(time: string, level: LogLevel, message: string, fields: Readonly<Record<string, unknown>>): string {
  const pairs = Object.entries(fields).map(
    ([key, value]) => ` ${key}=${/^[\w.:/-]+$/.test(String(value)) ? String(value) : JSON.stringify(value)}`,
  );
  return `${time} ${level.padEnd(7)} ${message.replaceAll(/[\r\n]+/g, ' ')}${pairs.length === 0 ? '' : ` ${pairs.join('')}`}\n`;
}
