// A netlink route socket in this process's network namespace: requests, dumps, and the parts of messages (rtnetlink(7)).
// May import agent/model/errors and its siblings.
// Invariant: one request at a time, its answer read to the end before the next; messages are host byte order.

import { FairleadError } from '../../agent/model/errors.js';
import type { Context } from './context.js';
import { ERRNO, systemError } from './errno.js';
import { lastErrno } from './libc.js';

export const AF_INET = 2;
export const AF_INET6 = 10;
const AF_NETLINK = 16;
const SOCK_RAW = 3;
const SOCK_CLOEXEC = 0o2000000;
const SOCK_NONBLOCK = 0o4000;
const SOL_SOCKET = 1;
const SO_RCVTIMEO = 20;

export const NLM_F = { request: 1, ack: 4, dumpInterrupted: 0x10, create: 0x400, replace: 0x100, dump: 0x300 } as const;
const NLMSG_ERROR = 2;
const NLMSG_DONE = 3;
const HEADER = 16;
const RECEIVE_BYTES = 256 * 1024;
const TIMEOUT_SECONDS = 3;

/** One message: its type and what follows the header. */
export interface Message {
  readonly type: number;
  readonly body: Buffer;
}

/** Opens a route socket, bound to a port that the kernel chooses. Throws FL_E_SYSTEM, FL_E_PERMISSION. */
export function openRouteSocket(context: Context, nonBlocking: boolean): number {
  const fd = context.libc.socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | (nonBlocking ? SOCK_NONBLOCK : 0), 0);
  if (fd < 0) throw systemError('FL_E_SYSTEM', 'cannot open a netlink socket', lastErrno());
  const address = Buffer.alloc(12); // struct sockaddr_nl
  address.writeUInt16LE(AF_NETLINK);
  if (context.libc.bind(fd, address, address.length) === 0) return fd;
  const errno = lastErrno();
  context.libc.close(fd);
  throw systemError('FL_E_SYSTEM', 'cannot bind a netlink socket', errno);
}

/** The messages in what one recv returned. The bodies are views of `data`. */
export function* splitMessages(data: Buffer): Generator<Message & { readonly flags: number; readonly sequence: number }> {
  for (let at = 0; at + HEADER <= data.length; ) {
    const length = data.readUInt32LE(at);
    if (length < HEADER || at + length > data.length) return;
    const type = data.readUInt16LE(at + 4);
    yield { type, flags: data.readUInt16LE(at + 6), sequence: data.readUInt32LE(at + 8), body: data.subarray(at + HEADER, at + length) };
    at += (length + 3) & ~3;
  }
}

/** Attributes (struct rtattr) from `offset` of a message's body, by type without the flag bits. */
export function readAttributes(body: Buffer, offset: number): ReadonlyMap<number, Buffer> {
  const attributes = new Map<number, Buffer>();
  for (let at = offset; at + 4 <= body.length; ) {
    const length = body.readUInt16LE(at);
    if (length < 4 || at + length > body.length) break;
    attributes.set(body.readUInt16LE(at + 2) & 0x3fff, body.subarray(at + 4, at + length));
    at += (length + 3) & ~3;
  }
  return attributes;
}

/** One attribute, padded to 4 bytes. */
export function writeAttribute(type: number, value: Buffer): Buffer {
  const attribute = Buffer.alloc((4 + value.length + 3) & ~3);
  attribute.writeUInt16LE(4 + value.length, 0);
  attribute.writeUInt16LE(type, 2);
  value.copy(attribute, 4);
  return attribute;
}

/** A socket for requests, opened when first used and kept for the process's life. */
export class RouteSocket {
  readonly #context: Context;
  readonly #buffer = Buffer.alloc(RECEIVE_BYTES);
  #fd = -1;
  #sequence = 0;

  constructor(context: Context) {
    this.#context = context;
  }

  /**
   * Sends one request. Returns what the kernel answered (a dump: all of it), or the errno (positive) that it refused with.
   * Throws FL_E_SYSTEM when the socket itself fails.
   */
  request(type: number, flags: number, body: Buffer): { readonly errno: number; readonly messages: readonly Message[] } {
    for (let attempt = 0; attempt < 4; attempt++) {
      const answer = this.exchange(type, flags, body);
      // What was dumped changed meanwhile: some entries may be missing or doubled.
      if (!answer.interrupted) return answer;
    }
    throw new FairleadError('FL_E_SYSTEM', `netlink dump ${type} was interrupted by changes four times`, { hint: 'try again' });
  }

  private exchange(type: number, flags: number, body: Buffer): { errno: number; messages: Message[]; interrupted: boolean } {
    this.send(type, flags, body);
    const messages: Message[] = [];
    let interrupted = false;
    for (;;) {
      for (const message of splitMessages(Buffer.from(this.receive()))) {
        if (message.sequence !== this.#sequence) continue;
        if (message.flags & NLM_F.dumpInterrupted) interrupted = true;
        if (message.type === NLMSG_ERROR) return { errno: -message.body.readInt32LE(), messages, interrupted };
        if (message.type === NLMSG_DONE) return { errno: 0, messages, interrupted };
        messages.push(message);
        if ((flags & NLM_F.dump) === 0 && (flags & NLM_F.ack) === 0) return { errno: 0, messages, interrupted };
      }
    }
  }

  private send(type: number, flags: number, body: Buffer): void {
    if (this.#fd < 0) {
      this.#fd = openRouteSocket(this.#context, false);
      const timeout = Buffer.alloc(16); // struct timeval
      timeout.writeBigInt64LE(BigInt(TIMEOUT_SECONDS));
      this.#context.libc.setsockopt(this.#fd, SOL_SOCKET, SO_RCVTIMEO, timeout, timeout.length);
    }
    this.#sequence = (this.#sequence + 1) >>> 0;
    const header = Buffer.alloc(HEADER);
    header.writeUInt32LE(HEADER + body.length, 0);
    header.writeUInt16LE(type, 4);
    header.writeUInt16LE(flags | NLM_F.request, 6);
    header.writeUInt32LE(this.#sequence, 8);
    const message = Buffer.concat([header, body]);
    if (this.#context.libc.send(this.#fd, message, message.length, 0) < 0) throw this.failure('send to', lastErrno());
  }

  private receive(): Buffer {
    for (;;) {
      const length = this.#context.libc.recv(this.#fd, this.#buffer, this.#buffer.length, 0);
      if (length >= 0) return this.#buffer.subarray(0, length);
      const errno = lastErrno();
      if (errno !== ERRNO.EINTR) throw this.failure('read from', errno);
    }
  }

  /** A socket that failed in the middle of an answer is given up: the next request opens another. */
  private failure(doing: string, errno: number): FairleadError {
    this.#context.libc.close(this.#fd);
    this.#fd = -1;
    return systemError('FL_E_SYSTEM', `cannot ${doing} the kernel's routing socket`, errno);
  }
}
