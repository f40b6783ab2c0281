// Who lives in the small world of the packet tests: the same hosts with the same MACs and ports in each address family.
// Imports nothing. Addresses are canonical text, as the agent prints them.
// Invariant: where one IPv6 address may take another's place in a packet, the two differ in all four 32-bit words.

/** What the FIB knows about the client: another MAC than its frames have. */
export const FIB_CLIENT_MAC = '02:00:00:00:f1:bc';

export type Family = 4 | 6;
export const FAMILIES: readonly Family[] = [4, 6];

/** A server behind the LB. */
export interface Backend {
  readonly id: number;
  readonly address: string;
  readonly mac: string;
  readonly port: number;
}

/** What differs between the families. */
interface Addresses {
  readonly lb: string;
  /** More addresses of the LB. */
  readonly lbMore: readonly [string, string, string];
  readonly client: string;
  readonly vip: string;
  readonly a: string;
  readonly b: string;
  readonly elsewhere: Elsewhere;
  readonly unspecified: string;
  /** Bytes of the IP header without options and extension headers. */
  readonly ipHeader: number;
  /** Prefix length of the backends' link. */
  readonly prefix: number;
  readonly nthClient: (i: number) => string;
}

/** Addresses that nobody in the world has. */
interface Elsewhere {
  readonly client: string;
  /** On the backends' link. */
  readonly backend: string;
  /** Beside the VIP. */
  readonly vip: string;
  readonly far: string;
  /** On the backends' link; the kernel's neighbour table does not know it. */
  readonly noNeighbour: string;
}

export interface Hosts {
  readonly family: Family;
  readonly IP_HEADER: number;
  readonly PREFIX: number;
  readonly UNSPECIFIED: string;
  readonly LB: { readonly address: string; readonly mac: string; readonly second: string; readonly third: string; readonly fourth: string };
  readonly CLIENT: { readonly address: string; readonly mac: string; readonly port: number };
  readonly VIP: { readonly address: string; readonly tcpPort: number; readonly udpPort: number };
  /** The backends' ports differ from the services', so that a port left alone is seen. `dns`: of the UDP service. */
  readonly BACKEND: Readonly<Record<'a' | 'b' | 'dns', Backend>>;
  readonly ELSEWHERE: Elsewhere;
  /** What the FIB knows about backend a: another MAC than the backend entries of most cases have. */
  readonly FIB_NEIGHBOUR: { readonly address: string; readonly mac: string };
  /** The address of the i-th of many clients, i from 0 to 65534. */
  readonly nthClient: (i: number) => string;
}

const V4: Addresses = {
  lb: '20.1.1.1',
  lbMore: ['30.1.1.1', '30.1.1.3', '30.1.1.4'],
  client: '20.1.1.100',
  vip: '40.1.1.1',
  a: '20.1.1.10',
  b: '20.1.1.20',
  elsewhere: { client: '20.1.1.101', backend: '20.1.1.30', vip: '40.1.1.2', far: '9.9.9.9', noNeighbour: '20.1.1.77' },
  unspecified: '0.0.0.0',
  ipHeader: 20,
  prefix: 24,
  nthClient: (i) => `10.0.${i >> 8}.${i & 255}`,
};

/** 2001:db8::/32 and 3fff::/20 are for documentation (RFC 3849, RFC 9637). */
const V6: Addresses = {
  lb: '2001:db8:20::1',
  lbMore: ['3fff:30:1:2:3:4:5:1', '3fff:30:1:2:3:4:5:3', '3fff:30:1:2:3:4:5:4'],
  client: '3fff:c:c:c:c:c:c:100',
  vip: '3fff:40:a:b:c:d:e:1',
  a: '2001:db8:20::10',
  b: '2001:db8:20::20',
  elsewhere: {
    client: '3fff:c:c:c:c:c:c:101',
    backend: '2001:db8:20::30',
    vip: '3fff:40:a:b:c:d:e:2',
    far: '3fff:9::9',
    noNeighbour: '2001:db8:20::77',
  },
  unspecified: '::',
  ipHeader: 40,
  prefix: 64,
  nthClient: (i) => `3fff:c:c:c:c:c:c:${(i + 1).toString(16)}`,
};

function buildHosts(family: Family, addresses: Addresses): Hosts {
  const [second, third, fourth] = addresses.lbMore;
  return {
    family,
    IP_HEADER: addresses.ipHeader,
    PREFIX: addresses.prefix,
    UNSPECIFIED: addresses.unspecified,
    LB: { address: addresses.lb, mac: '02:00:00:00:00:01', second, third, fourth },
    CLIENT: { address: addresses.client, mac: '02:00:00:00:01:00', port: 40000 },
    VIP: { address: addresses.vip, tcpPort: 80, udpPort: 53 },
    BACKEND: {
      a: { id: 1, address: addresses.a, mac: '02:00:00:00:00:10', port: 8080 },
      b: { id: 2, address: addresses.b, mac: '02:00:00:00:00:20', port: 8081 },
      dns: { id: 3, address: addresses.a, mac: '02:00:00:00:00:10', port: 5353 },
    },
    ELSEWHERE: addresses.elsewhere,
    FIB_NEIGHBOUR: { address: addresses.a, mac: '02:00:00:00:f1:b0' },
    nthClient: addresses.nthClient,
  };
}

export const HOSTS: Readonly<Record<Family, Hosts>> = { 4: buildHosts(4, V4), 6: buildHosts(6, V6) };
