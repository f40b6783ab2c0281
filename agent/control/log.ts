// What the agent tells of itself while it runs: who gets it is the caller's matter (agent/cli/log.ts writes it).
// Imports agent/model.

import type { LogLevel } from '../model/settings.js';

export type { LogLevel };

/** `fields`: what a program would look for; values of any kind that JSON has. */
export type Log = (level: LogLevel, message: string, fields?: Readonly<Record<string, unknown>>) => void;
