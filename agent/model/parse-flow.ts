// A flow as a person writes it: '20.1.1.100:40000 -> 40.1.1.1:80 tcp'.
// Imports its siblings only.
// Invariant: both ends are single hosts of one family, with a port each.

import { classifyAddress, familyOf } from './address.js';
import { FairleadError } from './errors.js';
import type { FlowQuestion } from './explanation.js';
import { type FlowTuple, leastBytes, quicPayload } from './frame.js';
import { parseEndpoint } from './parse-endpoint.js';
import { parseInteger, parseWord, valueError } from './parse-value.js';
import { PROTOCOLS } from './service.js';

const HINT = 'write CLIENT:PORT VIP:PORT [tcp|udp], for example 20.1.1.100:40000 40.1.1.1:80 tcp';

/** 'CLIENT:PORT -> VIP:PORT PROTOCOL'; the arrow may be left out, the protocol is TCP then, and may stand as '/udp' behind the VIP's port. */
export function parseFlow(text: string, where?: string): FlowTuple {
  const words = text.split(/->|\s+/).filter((word) => word !== '');
  const [from, to, word, ...more] = words;
  if (from === undefined || to === undefined) throw valueError('flow', text, 'not two ends', where, HINT);
  const slash = to.lastIndexOf('/');
  const named = slash < 0 ? word : to.slice(slash + 1);
  if (more.length > 0 || (slash >= 0 && word !== undefined)) throw valueError('flow', text, 'more words than a flow has', where, HINT);
  const client = parseHost(from, where);
  const service = parseHost(slash < 0 ? to : to.slice(0, slash), where);
  if (familyOf(client.address) !== familyOf(service.address)) throw valueError('flow', text, 'ends of two address families', where, HINT);
  const protocol = named === undefined ? 'tcp' : parseWord(named, 'protocol', PROTOCOLS, where);
  return {
    source: client.address,
    sourcePort: client.port,
    destination: service.address,
    destinationPort: service.port,
    protocol,
  };
}

function parseHost(text: string, where: string | undefined): { readonly address: string; readonly port: number } {
  const host = parseEndpoint(text, where);
  if (host.port === 0) throw valueError('endpoint', text, 'a packet has one port', where, HINT);
  const kind = classifyAddress(host.address);
  if (kind === 'unicast' || kind === 'link-local') return host;
  throw valueError('endpoint', text, `not the address of a host (${kind})`, where);
}

/** More than a test run's frame of several buffers needs to hold. */
const MOST_BYTES = 9216;

/** The length of an IP packet that is asked about. */
export function parsePacketBytes(text: string, where?: string): number {
  return parseInteger(text, { kind: 'length', min: 28, max: MOST_BYTES }, where);
}

/** What is asked about a flow's packet. Throws FL_E_VALUE when the packet cannot be so short, FL_E_USAGE for a QUIC id of TCP. */
export function buildQuestion(flow: FlowTuple, bytes: number | undefined, quicId: string | undefined): FlowQuestion {
  if (quicId !== undefined && flow.protocol !== 'udp')
    throw new FairleadError('FL_E_USAGE', `QUIC server id ${quicId}: the flow is of TCP`, { hint: 'say udp behind its ends' });
  const least = leastBytes(flow) + (quicId === undefined ? 0 : quicPayload(0, quicId).length);
  if (bytes !== undefined && bytes < least) throw valueError('length', String(bytes), `such a packet has at least ${least} bytes`);
  return { ...flow, bytes, quicId };
}
