// An agent for users who may balance, and may not run programs: a check by exec that they did not find there is refused.
// Imports agent/model and its siblings.
// Invariant: whoever has this agent cannot make the agent's user run anything of their choice.

import { isDeepStrictEqual } from 'node:util';
import { FairleadError } from '../model/errors.js';
import type { HealthCheck } from '../model/health.js';
import type { DesiredState } from '../model/service.js';
import type { Agent } from './agent.js';

/** The same agent, whose calls set no command of a check. A service keeps the one that it has. */
export function withoutCommands(agent: Agent): Agent {
  const guarded: Pick<Agent, 'updateService' | 'replaceDesired'> = {
    updateService: async (update) => {
      if (typeof update.health === 'object' && update.health.command !== undefined) throw refusal(update.id);
      return agent.updateService(update);
    },
    replaceDesired: async (next, dryRun) => {
      const found = await agent.getDesired();
      const stranger = next.services.find(
        ({ id, health }) => health?.kind === 'exec' && !isDeepStrictEqual(commandOf(found, id), health.command),
      );
      if (stranger !== undefined) throw refusal(stranger.id);
      return agent.replaceDesired(next, dryRun);
    },
  };
  return new Proxy(agent, {
    get(target, name) {
      const own: unknown = Reflect.get(guarded, name);
      if (own !== undefined) return own;
      const value: unknown = Reflect.get(target, name);
      // Bound to the agent itself: its private fields are not the proxy's.
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}

function commandOf({ services }: DesiredState, id: number): HealthCheck['command'] {
  return services.find((service) => service.id === id)?.health?.command;
}

function refusal(id: number): FairleadError {
  return new FairleadError(
    'FL_E_PERMISSION',
    `service ${id}: the API of this agent is open to a group, so it takes no command of a health check`,
    {
      hint: "put it into the agent's configuration file (--config), or start the agent without --api-group",
    },
  );
}
