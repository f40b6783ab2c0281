// Makes the backends ready for DSR by this project's own install script, as a person would on a real machine.
// Imports its siblings. The script puts the VIP on lo, quiets ARP for it and attaches the decapsulation program.
// Invariant: everything that the script changes lives in the backend's namespace or under the lab's name, and goes with it.

import { fileURLToPath } from 'node:url';
import type { Host } from './host.js';

const SCRIPT = fileURLToPath(new URL('../../backends/linux/install.sh', import.meta.url));

/** Runs backends/linux/install.sh on the host and returns what it said; 'l2': the VIP alone. Errors: FL_E_SYSTEM with the script's last words. */
export async function installDecap(host: Host, vips: readonly string[], hook: 'tc' | 'xdp' | 'l2'): Promise<string> {
  const vipFlags = vips.flatMap((vip) => ['--vip', vip]);
  const how = hook === 'l2' ? ['--dispatch', 'l2'] : ['--hook', hook];
  const { stdout } = await host.run([SCRIPT, '--device', 'eth0', ...vipFlags, ...how]);
  return stdout;
}
