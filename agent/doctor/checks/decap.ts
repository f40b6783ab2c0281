// Checks of what takes DSR's outer header off on a backend.
// Imports its neighbours.
// Invariant: a tunnel device or a program of somebody else may do it as well: then nothing is called missing, only unknown.

import type { Command } from '../commands.js';
import type { BackendDeviceFacts, BackendFacts } from '../facts.js';
import { type Finding, fine } from '../finding.js';

const WHY = 'Wrapped packets are not opened: the kernel answers them with "protocol unreachable", or drops them.';

export function checkDecap(facts: BackendFacts): readonly Finding[] {
  if (facts.dispatch !== 'ipip') return [];
  return facts.devices.flatMap((device) => checkDevice(device, facts));
}

function checkDevice(device: BackendDeviceFacts, facts: BackendFacts): readonly Finding[] {
  const { name, decap } = device;
  const hook = decap.tc?.includes('decap_tc') ? 'tc' : decap.xdp === 'decap_xdp' ? 'xdp' : undefined;
  const command = installCommand(name, facts, device);
  if (hook === undefined) {
    if (decap.tunnels.length > 0) {
      return [
        {
          level: 'note',
          check: 'decap',
          text: `${name}: no decapsulator of Fairlead; the tunnel device ${decap.tunnels.join(', ')} may take the outer header off`,
          why: 'Whether it takes packets from the load balancer, and lets those to the virtual addresses through, was not looked at.',
        },
      ];
    }
    // Only the most privileged may see what is at tc.
    if (decap.tc === undefined) return [];
    return [{ level: 'problem', check: 'decap', text: `${name}: no decapsulator is attached`, why: WHY, ...command }];
  }
  const { installed } = decap;
  if (installed === undefined) return [fine('decap', `${name}: decapsulator at ${hook}`)];
  const vips = facts.vips.filter((vip) => !installed.vips.includes(vip));
  const hosts = device.addresses
    .filter(({ address, state }) => (state === undefined || state === 'deprecated') && !installed.addresses.includes(address))
    .map(({ address }) => address)
    .filter((address) => !installed.vips.includes(address) && !facts.vips.includes(address));
  const found: Finding[] = [];
  if (vips.length > 0) {
    const text = `${name}: the decapsulator does not know ${vips.join(', ')}`;
    found.push({ level: 'problem', check: 'decap', text, why: `${WHY} It opens those to the virtual addresses it was given.`, ...command });
  }
  if (hosts.length > 0) {
    const text = `${name}: the decapsulator does not know ${hosts.join(', ')}, an address that the device got since`;
    found.push({ level: 'warning', check: 'decap', text, why: `Packets that the load balancer sends there are not opened.`, ...command });
  }
  return found.length > 0 ? found : [fine('decap', `${name}: decapsulator at ${hook}, it knows the virtual addresses`)];
}

/** Installs it for all that it knew and all that were named. */
function installCommand(
  device: string,
  { vips, installScript }: BackendFacts,
  { decap }: BackendDeviceFacts,
): { command?: Command; advice: string } {
  const all = [...new Set([...(decap.installed?.vips ?? []), ...vips])];
  const advice = 'It changes the settings named here too, and what it changes uninstall.sh undoes.';
  if (installScript === undefined) return { advice: 'Run backends/linux/install.sh of Fairlead here.' };
  return { command: [installScript, '--device', device, '--vip', all.join(',')], advice };
}
