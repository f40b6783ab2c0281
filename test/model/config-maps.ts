// The maps that an agent writes, as the model's states want them: settings, addresses, backends, services and their tables.
// Imports agent/datapath's layout, test/bpf's loader and the model's state.
// Invariant: nothing is remembered here of a state but the Maglev tables, which stay until they are written anew.

import { FAMILIES as LAYOUTS } from '../../agent/datapath/families.js';
import {
  BACKEND_LOCAL,
  BACKEND_RESOLVED,
  CONFIG,
  DEVICE,
  encodeIndex,
  MAGLEV_ROW,
  MAGLEV_ROW_SLOTS,
  maglevRows,
  SERVICE,
  VIP_WORD,
  WINDOW,
} from '../../agent/datapath/layout.js';
import { SpanTable } from '../../agent/datapath/span-table.js';
import { formatAddress } from '../../agent/model/address.js';
import { buildFrontend } from '../../agent/model/frontend.js';
import type { Frontend } from '../../agent/model/service.js';
import type { DataPlane } from '../bpf/load.js';
import { flagsOf } from './side-maps.js';
import type { Backend, Family, Service, Settings, State, Window } from './state.js';

const text = (hex: string): string => formatAddress(Buffer.from(hex, 'hex'));
const frontendOf = ({ address, port, lastPort, bits, protocol }: Service): Frontend =>
  buildFrontend({ address: text(address), port, lastPort, prefixLength: bits, protocol: protocol === 6 ? 'tcp' : 'udp' });
/** Settings of what the model does not cover. */
const AT_REST = {
  earlyFragmentsPass: 0,
  answerRate: 0,
  mssClamp: 0,
  vipEcho: 0,
  noBackend: 0,
  unknownPortDrops: 0,
  synChallenge: 0,
  ipip4Source: '0.0.0.0',
  ipip4Entropy: '0.0.0.0',
  snat4Sources: 0,
  snat6Sources: 0,
};
const NO_WINDOW: Window = { began: 0, count: 0 };
const mac = (hex: string): string => hex.match(/../g)?.join(':') ?? '';

export class ConfigMaps {
  readonly #plane: DataPlane;
  readonly #spans: SpanTable;
  readonly #tables = new Map<number, string>();

  constructor(plane: DataPlane) {
    this.#plane = plane;
    this.#spans = new SpanTable(LAYOUTS.map((layout) => ({ layout, map: plane.map(layout.maps.spans) })));
  }

  putDevice(index: number, { ifindex, mac: address }: State['devices'][number]): void {
    this.#plane.map('devices').update(encodeIndex(index), DEVICE.encode({ ifindex, mac: mac(address) }));
  }

  putWindow(map: string, window: Window = NO_WINDOW): void {
    const limit = this.#plane.map(map);
    limit.update(encodeIndex(0), Buffer.concat(Array.from({ length: limit.valueSize / WINDOW.size }, () => WINDOW.encode(window))));
  }

  /** One CPU's window is the model's, every other's as it was put. */
  windowDiffers(map: string, before: Window | undefined, window: Window = NO_WINDOW): string | undefined {
    const value = this.#plane.map(map).lookup(encodeIndex(0)) as Buffer;
    const windows = Array.from({ length: value.length / WINDOW.size }, (_, cpu) => WINDOW.decode(value, cpu * WINDOW.size));
    const found = windows.some(({ began, count }) => began === window.began && count === window.count);
    return found ? undefined : `${map}: model ${JSON.stringify([before, window])}, kernel ${JSON.stringify(windows)}`;
  }

  putSettings(settings: Settings): void {
    const map = this.#plane.map('config');
    const addresses = (family: Family, none: string) => Array.from({ length: 4 }, (_, i) => text(settings.lbAddresses[family][i] ?? none));
    const { snatPorts, lbAddresses: _, ...rest } = settings;
    const config = CONFIG.encode({
      ...AT_REST,
      ...rest,
      layout: 0,
      snatPortMin: snatPorts[0],
      snatPortMax: snatPorts[1],
      hashSeed: Number(settings.hashSeed),
      lb4Address: addresses(4, '00000000'),
      lb6Address: addresses(6, '0'.repeat(32)),
    });
    map.update(encodeIndex(0), config);
  }

  /** `before`: those that stand there; undefined: nobody knows. */
  putVips(vips: ReadonlySet<number>, before: ReadonlySet<number> | undefined): void {
    const words = new Map<number, bigint>();
    for (const bit of before ?? []) words.set(bit >> 6, 0n);
    if (before === undefined) for (let word = 0; word < 1024; word++) words.set(word, 0n);
    for (const bit of vips) words.set(bit >> 6, (words.get(bit >> 6) ?? 0n) | (1n << BigInt(bit & 63)));
    for (const [word, bits] of words) this.#plane.map('vips').update(encodeIndex(word), VIP_WORD.encode({ bits }));
  }

  /** Those that are not the same as `before` are looked at. */
  backendDiffers(family: Family, backends: readonly Backend[], before: readonly Backend[]): string | undefined {
    for (const [id, backend] of backends.entries()) {
      if (backend === before[id]) continue;
      const found = this.#readBackend(family, id);
      const wanted = this.#encodeBackend(family, id, backend);
      if (!found.equals(wanted))
        return `backend ${id} of IPv${family}:\n    model ${wanted.toString('hex')}\n    kernel ${found.toString('hex')}`;
    }
    return undefined;
  }

  #encodeBackend(family: Family, id: number, backend: Backend): Buffer {
    const layout = LAYOUTS[family === 4 ? 0 : 1] as (typeof LAYOUTS)[0];
    const { address, source, dstMac, srcMac, state, resolved, local, ...rest } = backend;
    return layout.backend.encode({
      weight: 1,
      ...rest,
      id,
      address: text(address),
      source: text(source),
      dstMac: mac(dstMac),
      srcMac: mac(srcMac),
      state: state === 'free' ? undefined : state,
      flags: (resolved ? BACKEND_RESOLVED : 0) | (local ? BACKEND_LOCAL : 0),
      serviceId: 1,
    });
  }

  putBackend(family: Family, id: number, backend: Backend): void {
    this.#plane.map(`lb${family}_backends`).update(encodeIndex(id), this.#encodeBackend(family, id, backend));
  }

  #readBackend(family: Family, id: number): Buffer {
    return this.#plane.map(`lb${family}_backends`).lookup(encodeIndex(id)) as Buffer;
  }

  #frontend(family: Family, service: Service): Buffer {
    const layout = LAYOUTS[family === 4 ? 0 : 1] as (typeof LAYOUTS)[0];
    return layout.frontend.encode(frontendOf(service));
  }

  dropService(family: Family, service: Service): void {
    this.#spans.remove(frontendOf(service));
    this.#plane.map(`lb${family}_services`).delete(this.#frontend(family, service));
  }

  putService({ settings, planes }: State, family: Family, service: Service): void {
    const size = settings.maglevSize;
    const { id, action, backendCount, table } = service;
    const inner = this.#plane.tables.get(id);
    const content = `${size} ${table.join()}`;
    if (inner !== undefined && this.#tables.get(id) !== content) {
      for (let row = 0; row < maglevRows(size); row++) {
        const backendId = Array.from({ length: MAGLEV_ROW_SLOTS }, (_, i) => table[(row * MAGLEV_ROW_SLOTS + i) % table.length] ?? 0);
        inner.update(encodeIndex(row), MAGLEV_ROW.encode({ backendId }));
      }
      this.#tables.set(id, content);
    }
    const value = SERVICE.encode({
      id,
      backendCount,
      maglevDigest: 1,
      action,
      flags: flagsOf(service, planes[family].denied),
      quicIdBytes: service.quic?.bytes ?? 0,
      quicConfig: service.quic?.config ?? 0,
      affinitySeconds: service.affinitySeconds ?? 0,
    });
    this.#plane.map(`lb${family}_services`).update(this.#frontend(family, service), value);
    this.#spans.add(frontendOf(service));
  }
}
