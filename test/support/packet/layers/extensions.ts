// IPv6's extension headers as layers (RFC 8200, section 4), in any order and number, as a sender could send them.
// Imports its siblings alone.

import { addressBytes } from '../address.js';
import { type Layer, PROTOCOL } from './layer.js';

interface ExtensionFields {
  readonly nextHeader?: number;
  /** In units of 8 bytes, the first 8 not counted. */
  readonly length?: number;
}

/** `body`: what follows next header and length; with them a multiple of 8 bytes. */
function extension(protocol: number, fields: ExtensionFields, body: Buffer): Omit<Layer, 'finalDestination'> {
  return {
    protocol,
    encode(content, inner) {
      const header = Buffer.concat([Buffer.alloc(2), body]);
      header.writeUInt8(fields.nextHeader ?? inner?.protocol ?? PROTOCOL.noNextHeader, 0);
      header.writeUInt8(fields.length ?? header.length / 8 - 1, 1);
      return Buffer.concat([header, content]);
    },
  };
}

export interface OptionsFields extends ExtensionFields {
  /** 6 bytes, or 8 more, and so on; default: one PadN option of 6 bytes. */
  readonly options?: Buffer;
}
const PADDING = Buffer.from('010400000000', 'hex');

/** RFC 8200, section 4.3. */
export function hopByHop(fields: OptionsFields = {}): Layer {
  return extension(PROTOCOL.hopByHop, fields, fields.options ?? PADDING);
}

/** RFC 8200, section 4.6. */
export function destinationOptions(fields: OptionsFields = {}): Layer {
  return extension(PROTOCOL.destination, fields, fields.options ?? PADDING);
}

export interface RoutingFields extends ExtensionFields {
  /** 2: Mobile IPv6 (RFC 6275); 4: segment routing (RFC 8754), whose list begins with the last segment. Default 2. */
  readonly type?: number;
  readonly segmentsLeft: number;
  readonly addresses: readonly string[];
}
/** RFC 8200, section 4.4. */
export function routing(fields: RoutingFields): Layer {
  const type = fields.type ?? 2;
  const list = fields.addresses.map(addressBytes);
  const last = type === 4 ? list[0] : list.at(-1);
  const fixed = Buffer.from([type, fields.segmentsLeft, type === 4 ? list.length - 1 : 0, 0, 0, 0]);
  return {
    ...extension(PROTOCOL.routing, fields, Buffer.concat([fixed, ...list])),
    ...(fields.segmentsLeft > 0 && last !== undefined ? { finalDestination: last } : {}),
  };
}

export interface FragmentFields {
  readonly nextHeader?: number;
  /** In units of 8 bytes, as in the header. */
  readonly offset?: number;
  readonly more?: boolean;
  readonly id?: number;
  /** The byte behind the next header, which other extension headers have as their length. */
  readonly reserved?: number;
}
/** RFC 8200, section 4.5. Offset 0 and nothing more is an atomic fragment (RFC 6946): the whole packet. */
export function fragment(fields: FragmentFields = {}): Layer {
  return {
    protocol: PROTOCOL.fragment,
    encode(content, inner) {
      const header = Buffer.alloc(8);
      header.writeUInt8(fields.nextHeader ?? inner?.protocol ?? PROTOCOL.noNextHeader, 0);
      header.writeUInt8(fields.reserved ?? 0, 1);
      header.writeUInt16BE(((fields.offset ?? 0) << 3) | (fields.more ? 1 : 0), 2);
      header.writeUInt32BE(fields.id ?? 0, 4);
      return Buffer.concat([header, content]);
    },
  };
}
