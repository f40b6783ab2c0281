// Builds frames from layers, outermost first: buildFrame(ethernet({...}), ipv4({...}), tcp({...}), Buffer.from('data')).
// Imports its siblings alone. Lengths, protocol numbers and checksums are right unless a field is given:
// then exactly what was given stands in the frame, so that wrong frames can be built as easily as right ones.
// Layers nest in any mix: an IP header inside another, what an ICMP error quotes, extension headers in any order.

import type { Layer, Surroundings } from './layers/layer.js';

export * from './layers/extensions.js';
export * from './layers/ip.js';
export * from './layers/layer.js';
export * from './layers/link.js';
export * from './layers/transport.js';

type Part = Layer | Buffer;
const layersOf = (parts: readonly Part[]) => parts.filter((part): part is Layer => !Buffer.isBuffer(part));
const nothing: Surroundings = { source: Buffer.alloc(4), destination: Buffer.alloc(4) };

/** The pseudo header's addresses for what stands behind `outside`: the closest IP header's, unless a routing header names the end. */
function surroundings(outside: readonly Layer[]): Surroundings {
  const closest = outside.findLastIndex((layer) => layer.addresses !== undefined);
  const addresses = outside[closest]?.addresses ?? nothing;
  const routed = outside.slice(closest + 1).find((layer) => layer.finalDestination !== undefined);
  return { source: addresses.source, destination: routed?.finalDestination ?? addresses.destination };
}

/** Bytes of the layers, outermost first; a Buffer among them stands for itself. */
export function buildFrame(...parts: readonly Part[]): Buffer {
  let content: Buffer = Buffer.alloc(0);
  for (let i = parts.length - 1; i >= 0; i--) {
    const part = parts[i] as Part;
    if (Buffer.isBuffer(part)) {
      content = Buffer.concat([part, content]);
      continue;
    }
    const next = parts[i + 1];
    content = part.encode(content, Buffer.isBuffer(next) ? undefined : next, surroundings(layersOf(parts.slice(0, i))));
  }
  return content;
}

/** A copy with `bytes` written over what stands at `offset`. */
export function patchFrame(frame: Buffer, offset: number, bytes: readonly number[]): Buffer {
  const copy = Buffer.from(frame);
  Buffer.from(bytes).copy(copy, offset);
  return copy;
}
