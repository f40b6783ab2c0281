// All verbs, in the order in which help lists them.
// Imports its siblings.

import { backendDrain } from './backend-drain.js';
import { backendList } from './backend-list.js';
import { backendSet } from './backend-set.js';
import { capture } from './capture.js';
import { cls } from './cls.js';
import { configApply, configDiff } from './config-apply.js';
import { configCheck } from './config-check.js';
import { configExport } from './config-export.js';
import { configImport } from './config-import.js';
import { denyAdd, denyRemove } from './deny-change.js';
import { denyList } from './deny-list.js';
import { doctor } from './doctor.js';
import { doctorBackend } from './doctor-backend.js';
import { explain } from './explain.js';
import { exit } from './exit.js';
import { makeHelp } from './help.js';
import { modeGet } from './mode-get.js';
import { modeUpdate } from './mode-update.js';
import { monitor } from './monitor.js';
import { neighborList } from './neighbor-list.js';
import { neighborUpdate } from './neighbor-update.js';
import { serviceDelete } from './service-delete.js';
import { serviceDumpstate } from './service-dumpstate.js';
import { serviceGet } from './service-get.js';
import { serviceList } from './service-list.js';
import { serviceUpdate } from './service-update.js';
import { stats } from './stats.js';
import { status } from './status.js';
import { top } from './top.js';
import { unload } from './unload.js';
import type { Verb } from './verb.js';

export const VERBS: readonly Verb[] = [
  serviceUpdate,
  serviceList,
  serviceGet,
  serviceDelete,
  serviceDumpstate,
  backendList,
  backendSet,
  backendDrain,
  modeGet,
  modeUpdate,
  denyAdd,
  denyRemove,
  denyList,
  configCheck,
  configDiff,
  configApply,
  configExport,
  configImport,
  neighborList,
  neighborUpdate,
  status,
  doctor,
  doctorBackend,
  explain,
  stats,
  top,
  monitor,
  capture,
  unload,
  cls,
  makeHelp(() => VERBS),
  exit,
];
