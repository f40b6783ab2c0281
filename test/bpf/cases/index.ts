// All packet cases of a world, in groups.
// Imports the files of cases and what of them the data plane can do.

import type { PacketCase } from '../case.js';
import type { Family } from '../hosts.js';
import { TAGS_AND_OPTIONS_UNDER_TEST } from '../under-test.js';
import type { World } from '../world.js';
import { affinityCases } from './affinity.js';
import { dsrCases } from './dsr.js';
import { frontendCases } from './frontends.js';
import { localBackendCases } from './local-backend.js';
import { flowLifeCases } from './flow-life.js';
import { icmpErrorCases } from './icmp-errors.js';
import { icmpEchoCases } from './icmp-echo.js';
import { ipv4Cases } from './ipv4.js';
import { ipv4OptionCases, ipv4OptionPassCases } from './ipv4-options.js';
import { ipv6Cases } from './ipv6.js';
import { ipv6ExtensionCases } from './ipv6-extensions.js';
import { fragmentCases } from './fragments.js';
import { limitCases } from './limits.js';
import { mssClampCases } from './mss-clamp.js';
import { nextHopCases } from './next-hop.js';
import { noBackendCases } from './no-backend.js';
import { overIpv6Cases } from './over-ipv6.js';
import { passCases } from './pass.js';
import { quicCases } from './quic.js';
import { snatPortCases } from './snat-port.js';
import { snatReplyCases } from './snat-reply.js';
import { snatRequestCases } from './snat-request.js';
import { sourceRangeCases } from './source-ranges.js';
import { tooBigCases } from './too-big.js';
import { snatSourceCases } from './snat-source.js';
import { vlanCases, vlanPassCases } from './vlan.js';

type Group = (world: World) => readonly PacketCase[];

/** What both families do in the same way. */
const BOTH: Readonly<Record<string, Group>> = {
  'what is not for Fairlead': passCases,
  'requests under SNAT': snatRequestCases,
  'replies under SNAT': snatReplyCases,
  'requests under DSR': dsrCases,
  'the life of a flow': flowLifeCases,
  'SNAT ports': snatPortCases,
  'several SNAT addresses': snatSourceCases,
  'QUIC server ids': quicCases,
  'next hops': nextHopCases,
  'what cannot be served': limitCases,
  fragments: fragmentCases,
  'source ranges': sourceRangeCases,
  'session affinity': affinityCases,
  'ICMP errors': icmpErrorCases,
  'packets that are too big': tooBigCases,
  'echo requests': icmpEchoCases,
  'no backend': noBackendCases,
  'MSS clamping': mssClampCases,
  'frontends of many ports and addresses': frontendCases,
  'backends on the load balancer': localBackendCases,
};
/** What a family has alone. */
const ALONE: Readonly<Record<Family, Readonly<Record<string, Group>>>> = {
  4: { 'what IPv4 has alone': ipv4Cases, 'IPv4 services over IPv6 backends': overIpv6Cases },
  6: { 'what IPv6 has alone': ipv6Cases, 'IPv6 extension headers': ipv6ExtensionCases },
};
/** VLAN tags and IPv4 options: what is forwarded, or what passes while the data plane cannot. */
function tagsAndOptions(family: Family, forwarded: boolean): Readonly<Record<string, Group>> {
  const tags = { 'VLAN tags': forwarded ? vlanCases : vlanPassCases };
  return family === 4 ? { ...tags, 'IPv4 options': forwarded ? ipv4OptionCases : ipv4OptionPassCases } : tags;
}

/** `which`: those that the data plane of today can run, or also those that wait for it. */
export function groupsOf(world: World, which: 'under test' | 'all'): Readonly<Record<string, readonly PacketCase[]>> {
  const { family } = world;
  const forwarded = TAGS_AND_OPTIONS_UNDER_TEST || which === 'all';
  const groups: Readonly<Record<string, Group>> = { ...BOTH, ...ALONE[family], ...tagsAndOptions(family, forwarded) };
  return Object.fromEntries(Object.entries(groups).map(([name, group]) => [name, group(world)]));
}
