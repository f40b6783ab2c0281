// Ethernet and VLAN tags as layers.
// Imports its siblings alone.

import { macBytes } from '../address.js';
import { ETHERTYPE, type Layer } from './layer.js';

export interface EthernetFields {
  readonly dst: string;
  readonly src: string;
  readonly type?: number;
}
export function ethernet(fields: EthernetFields): Layer {
  return {
    encode(content, inner) {
      const header = Buffer.concat([macBytes(fields.dst), macBytes(fields.src), Buffer.alloc(2)]);
      header.writeUInt16BE(fields.type ?? inner?.ethertype ?? 0, 12);
      return Buffer.concat([header, content]);
    },
  };
}

export interface VlanFields {
  /** 0 to 4095. */
  readonly id: number;
  /** 0 to 7. */
  readonly priority?: number;
  readonly dropEligible?: boolean;
  /** The type that announces the tag: 802.1Q's unless given; the outer one of two has 802.1ad's. */
  readonly tpid?: number;
  /** The type of what follows. */
  readonly type?: number;
}
/** IEEE 802.1Q, section 9.6. */
export function vlan(fields: VlanFields): Layer {
  return {
    ethertype: fields.tpid ?? ETHERTYPE.vlan,
    encode(content, inner) {
      const tag = Buffer.alloc(4);
      tag.writeUInt16BE(((fields.priority ?? 0) << 13) | (fields.dropEligible ? 0x1000 : 0) | fields.id, 0);
      tag.writeUInt16BE(fields.type ?? inner?.ethertype ?? 0, 2);
      return Buffer.concat([tag, content]);
    },
  };
}
