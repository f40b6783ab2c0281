// An agent whose changes are logged: one line each, with who asked and what came of it.
// Imports agent/model and its siblings.
// Invariant: it changes no call's outcome; what only reads is not logged.

import { FairleadError } from '../model/errors.js';
import { formatEndpoint, formatFrontend } from '../model/format.js';
import type { Agent } from './agent.js';
import type { Log } from './log.js';
import { isSame } from './state/diff-state.js';

type Changes = Pick<
  Agent,
  'updateService' | 'deleteService' | 'setBackend' | 'setMode' | 'updateDenied' | 'updateNeighbour' | 'replaceDesired' | 'unload'
>;

/** The same agent for one way in; `by` names it: 'api', 'prompt', 'signal'. */
export function auditAgent(agent: Agent, by: string, log: Log): Agent {
  const changes = auditedChanges(agent, by, log);
  return new Proxy(agent, {
    get(target, name) {
      const audited: unknown = Reflect.get(changes, name);
      if (audited !== undefined) return audited;
      const value: unknown = Reflect.get(target, name);
      // Bound to the agent itself: its private fields are not the proxy's.
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}

function auditedChanges(agent: Agent, by: string, log: Log): Changes {
  /** Runs the call; `tell` says what it did, undefined: nothing that matters. */
  const audit = async <Result>(what: string, call: Promise<Result>, tell: (result: Result) => string | undefined): Promise<Result> => {
    try {
      const result = await call;
      const told = tell(result);
      if (told !== undefined) log('info', told, { by });
      return result;
    } catch (error) {
      const { code, message } = error instanceof FairleadError ? error : { code: 'FL_E_INTERNAL', message: String(error) };
      log(code === 'FL_E_INTERNAL' ? 'error' : 'warning', `${what} failed: ${message}`, { by, code });
      throw error;
    }
  };
  return {
    updateService: (update) =>
      audit(`service ${update.id}: update`, agent.updateService(update), ({ view, outcome }) =>
        outcome === 'unchanged'
          ? undefined
          : `service ${view.id} ${outcome}: ${formatFrontend(view.frontend)}, backends: ${view.backends.length}, mode ${view.mode}`,
      ),
    deleteService: (id) =>
      audit(`service ${id}: delete`, agent.deleteService(id), ({ frontend }) => `service ${id} deleted: ${formatFrontend(frontend)}`),
    setBackend: (update) =>
      audit(`backend ${formatEndpoint(update.backend)} of service ${update.id}: set`, agent.setBackend(update), ({ view, outcome }) =>
        outcome === 'unchanged'
          ? undefined
          : `backend ${formatEndpoint(view)} of service ${view.service} changed: ${view.state}, weight ${view.weight}`,
      ),
    setMode: (mode) =>
      audit('mode update', agent.setMode(mode), ({ before }) => (mode === before ? undefined : `mode ${mode} (was ${before})`)),
    updateDenied: (update) =>
      audit('deny list: update', agent.updateDenied(update), ({ added, removed, count }) =>
        added.length + removed.length === 0 ? undefined : `deny list: ${added.length} added, ${removed.length} removed, ${count} on it`,
      ),
    updateNeighbour: (address) =>
      audit(
        `neighbor ${address}: update`,
        agent.updateNeighbour(address),
        ({ mac }) => `neighbor ${address} asked again: ${mac ?? 'no answer'}`,
      ),
    replaceDesired: (state, dryRun) =>
      audit('desired state: replace', agent.replaceDesired(state, dryRun), (difference) =>
        dryRun || isSame(difference)
          ? undefined
          : `desired state replaced: services ${difference.added.length} added, ${difference.changed.length} changed, ${difference.removed.length} removed, mode ${state.mode}`,
      ),
    unload: () => audit('unload', agent.unload(), () => 'data plane unloaded: traffic stops'),
  };
}
