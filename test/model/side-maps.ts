// Which maps there are beside the flow tables, and what they hold in a state of the model's.
// Imports agent/datapath's layout, test/bpf's loader and the model's state.

import { FAMILIES as LAYOUTS, type FamilyLayout } from '../../agent/datapath/families.js';
import {
  AFFINITY,
  FRAGMENT,
  FRAGMENT_KEY4,
  FRAGMENT_KEY6,
  QUIC_BACKEND,
  QUIC_ID_BYTES,
  QUIC_SERVER,
  RANGE,
  RANGE_ID_BITS,
  RANGES_OF_ALL,
  SERVICE_FLAGS,
} from '../../agent/datapath/layout.js';
import { formatAddress } from '../../agent/model/address.js';
import type { DataPlane } from '../bpf/load.js';
import { datagramParts } from './fragments.js';
import { ProvenMap } from './proven-map.js';
import { type Content, type Side, SideMap } from './side-map.js';
import type { SourceRange } from './source-ranges.js';
import { type Family, type Plane, type Service, type State, TCP } from './state.js';

const text = (hex: string): string => formatAddress(Buffer.from(hex, 'hex'));

const nameOf = (protocol: number) => (protocol === TCP ? 'tcp' : 'udp');

export function sideMaps(plane: DataPlane): readonly Side[] {
  const ofFamilies = LAYOUTS.flatMap((layout) => {
    const of = (state: State): Plane => state.planes[layout.family];
    return [
      new SideMap(
        plane.map(layout.maps.ranges),
        (state) => [of(state).services, of(state).denied],
        (state) => encodeRanges(layout, of(state)),
      ),
      new SideMap(
        plane.map(layout.maps.affinity),
        (state) => [of(state).affinity],
        (state) => encodeAffinity(layout, of(state)),
      ),
      new SideMap(
        plane.map(layout.maps.fragments),
        (state) => [of(state).fragments],
        (state) => encodeFragments(layout, of(state)),
      ),
    ];
  });
  const servers = new SideMap(plane.map('quic_servers'), ({ planes }) => [planes[4].services, planes[6].services], encodeServers);
  return [...ofFamilies, servers, new ProvenMap(plane.map('proven'))];
}

function encodeRanges({ sourceRange }: FamilyLayout, { services, denied = [] }: Plane): Content {
  const content = new Map<string, string>();
  const add = (serviceId: number, { address, bits, permit }: SourceRange): void => {
    const key = sourceRange.encode({ prefixLength: RANGE_ID_BITS + bits, serviceId, address: text(address) });
    content.set(key.toString('hex'), RANGE.encode({ permit }).toString('hex'));
  };
  for (const range of denied) add(RANGES_OF_ALL, range);
  for (const { id, sources = [] } of services) for (const range of sources) add(id, range);
  return content;
}

function encodeServers({ planes }: State): Content {
  const content = new Map<string, string>();
  for (const { id: serviceId, quic } of [...planes[4].services, ...planes[6].services]) {
    for (const [server, backendId] of quic?.servers ?? []) {
      const id = Buffer.alloc(QUIC_ID_BYTES);
      id.write(server, 'hex');
      const key = QUIC_SERVER.encode({ serviceId, bytes: server.length / 2, id });
      content.set(key.toString('hex'), QUIC_BACKEND.encode({ backendId }).toString('hex'));
    }
  }
  return content;
}

const affinityKey = ({ affinityClient }: FamilyLayout, client: string): Buffer => {
  const [address = '', serviceId] = client.split(' ');
  return affinityClient.encode({ address: text(address), serviceId: Number(serviceId) });
};

function encodeAffinity(layout: FamilyLayout, { affinity = new Map() }: Plane): Content {
  return new Map(
    [...affinity].map(([client, { backendId, generation, lastUsed }]) => [
      affinityKey(layout, client).toString('hex'),
      AFFINITY.encode({ backendId, backendGeneration: generation, lastUsed }).toString('hex'),
    ]),
  );
}

function encodeFragments({ family }: FamilyLayout, { fragments = new Map() }: Plane): Content {
  return new Map(
    [...fragments].map(([datagram, { protocol: number, ...first }]) => {
      const { saddr, daddr, id, protocol } = datagramParts(family, datagram);
      const ends = { saddr: text(saddr), daddr: text(daddr) };
      const key =
        family === 4
          ? FRAGMENT_KEY4.encode({ ...ends, id: Number.parseInt(id, 16), protocol: nameOf(protocol) })
          : FRAGMENT_KEY6.encode({ ...ends, id: Buffer.from(id, 'hex') });
      return [key.toString('hex'), FRAGMENT.encode({ ...first, protocol: nameOf(number) }).toString('hex')];
    }),
  );
}

/**
 * The state without the clients that the kernel has forgotten: their table is small, and a new entry may take any other's place. To be asked
 * before each packet.
 */
export class Forgetting {
  readonly #plane: DataPlane;
  readonly #known: Record<Family, Plane['affinity']> = { 4: undefined, 6: undefined };

  constructor(plane: DataPlane) {
    this.#plane = plane;
  }

  /** Somebody has written to the table. */
  written(): void {
    for (const { family } of LAYOUTS) this.#known[family] = undefined;
  }

  apply(state: State): State {
    let kept = state;
    for (const layout of LAYOUTS) kept = this.#applyTo(layout, kept);
    return kept;
  }

  #applyTo(layout: FamilyLayout, state: State): State {
    const plane = state.planes[layout.family];
    if (plane.affinity === undefined || plane.affinity === this.#known[layout.family]) return state;
    const map = this.#plane.map(layout.maps.affinity);
    const kept = [...plane.affinity].filter(([client]) => map.lookup(affinityKey(layout, client)) !== undefined);
    const affinity = kept.length === plane.affinity.size ? plane.affinity : new Map(kept);
    this.#known[layout.family] = affinity;
    return affinity === plane.affinity ? state : { ...state, planes: { ...state.planes, [layout.family]: { ...plane, affinity } } };
  }
}

/** What a service's entry says of its clients. `denied`: the ranges of all services. */
export function flagsOf({ sources = [] }: Service, denied: readonly SourceRange[] = []): number {
  const { ranges, allowedAlone, denyList } = SERVICE_FLAGS;
  return (
    (sources.length > 0 ? ranges : 0) |
    (sources.some(({ permit }) => permit === 'allow') ? allowedAlone : 0) |
    (denied.length > 0 ? denyList : 0)
  );
}
