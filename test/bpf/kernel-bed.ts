// This machine's kernel as the bed of packet tests. Needs root.
// Imports platform/linux, namespace.ts and who lives in the tests' world.

import { createLinuxPlatform } from '../../platform/linux/index.js';
import { FIB_CLIENT_MAC } from './hosts.js';
import { makeNamespace, type Namespace, runIp, setForwarding } from './namespace.js';
import type { TestBed } from './test-bed.js';
import { FAMILIES_UNDER_TEST } from './under-test.js';
import { DEVICE, WORLDS } from './world.js';

/** A bed with a network namespace of its own. */
export function kernelBed(): TestBed {
  const platform = createLinuxPlatform();
  const namespace = buildNetwork();
  return {
    flavour: platform.flavour,
    capabilities: platform.capabilities,
    genericMacros: {},
    clock: () => platform.clock(),
    load: (objectFile) => platform.bpf.load({ objectFile, program: 'fairlead', pinDirectory: undefined }),
    createMap: (spec) => platform.bpf.createMap(spec),
    rings: platform.bpf,
    run: (action) => namespace.run(action),
    setForwarding,
  };
}

/** A device with a route and a neighbour that the FIB can be asked about; forwarding is off until a case turns it on. */
function buildNetwork(): Namespace {
  const namespace = makeNamespace();
  namespace.run(() => {
    runIp('link set lo up');
    runIp(`link add ${DEVICE.name} index ${DEVICE.index} address ${DEVICE.mac} type veth peer name peer0`);
    runIp(`link set ${DEVICE.name} up`);
    runIp('link set peer0 up');
    for (const { family, LB, CLIENT, PREFIX, FIB_NEIGHBOUR } of FAMILIES_UNDER_TEST.map((tested) => WORLDS[tested])) {
      runIp(`addr add ${LB.address}/${PREFIX} dev ${DEVICE.name}${family === 6 ? ' nodad' : ''}`);
      runIp(`neigh add ${FIB_NEIGHBOUR.address} lladdr ${FIB_NEIGHBOUR.mac} dev ${DEVICE.name} nud permanent`);
      runIp(`route replace ${CLIENT.address} dev ${DEVICE.name}`);
      runIp(`neigh add ${CLIENT.address} lladdr ${FIB_CLIENT_MAC} dev ${DEVICE.name} nud permanent`);
    }
    setForwarding(false);
  });
  return namespace;
}
