// All seeded faults, in the order in which they are tried.
// Imports its siblings, which are data alone.

import type { Mutant } from '../mutant.js';
import { backendMutants } from './backends.js';
import { clientMutants } from './clients.js';
import { commandMutants } from './commands.js';
import { controlMutants } from './control.js';
import { datapathMutants } from './datapath.js';
import { eventMutants } from './events.js';
import { flowMutants } from './flows.js';
import { modelMutants } from './model.js';
import { packetMutants } from './packets.js';
import { walkMutants } from './walk.js';
import { windowsMutants } from './windows.js';

export const MUTANTS: readonly Mutant[] = [
  ...packetMutants,
  ...flowMutants,
  ...walkMutants,
  ...eventMutants,
  ...backendMutants,
  ...modelMutants,
  ...datapathMutants,
  ...controlMutants,
  ...commandMutants,
  ...clientMutants,
  ...windowsMutants,
];
