// What becomes of a packet from a backend to a SNAT port: it goes to the client.
// Imports agent/datapath, agent/model and its siblings.

import type { Reverse } from '../../datapath/layout.js';
import type { Trace } from '../../datapath/trace.js';
import { formatEndpoint } from '../../model/format.js';
import { frameBytes } from './forward.js';
import type { Decision, Steps } from './steps.js';
import type { Surroundings } from './surroundings.js';

/** FL_LINK_DEVICE: bits of a reverse entry's link that name a device. */
const DEVICE_BITS = 15;
/** Bits of a reverse entry's link that count VLAN tags. */
const TAGS_SHIFT = 4;

export function explainReply(trace: Trace, around: Surroundings, reverse: Reverse, steps: Steps): Decision {
  const client = { address: reverse.clientAddr, port: reverse.clientPort };
  const service = { address: reverse.serviceAddr, port: reverse.servicePort };
  const { protocol, saddr, sport } = trace.tuple;
  steps.mode = 'snat';
  steps.backend = { address: saddr, port: sport };
  steps.add(
    'flow',
    `${trace.layout.maps.snat} has it: a reply to ${formatEndpoint(client)}, client of ${formatEndpoint(service)}/${protocol}`,
  );
  const index = reverse.link & DEVICE_BITS;
  const device = around.servedDevice(index);
  const name = device === undefined ? around.ingress.name : around.deviceName(device.ifindex);
  steps.add('next hop', `${reverse.clientMac} by ${name}, as the client's last packets came`);
  steps.add('action', `source ${formatEndpoint(service)}, destination ${formatEndpoint(client)}, one hop less`);
  const frame = {
    source: service.address,
    sourcePort: service.port,
    destination: client.address,
    destinationPort: client.port,
    protocol,
    sourceMac: device?.mac ?? around.ingress.mac,
    destinationMac: reverse.clientMac,
    hops: 63,
    bytes: frameBytes(trace) + 4 * ((reverse.link >> TAGS_SHIFT) & 3),
    outer: undefined,
  };
  return steps.decide(device === undefined || device.ifindex === around.ingress.ifindex ? 'tx' : 'redirect', 'snat_reply', frame);
}
