// Packets that the agent makes itself for one TCP port, and the answers to it: a packet socket hears, raw sockets and the packet socket send.
// May import koffi, platform/port, agent/model/errors and its siblings.
// Invariant: the packet socket hears nothing before its filter is on; an open path does not keep the process alive.
// A packet socket, not a raw one: it hears before reverse-path filters and before the stack finds that the source is an address of its own.

import koffi from 'koffi';
import { FairleadError } from '../../agent/model/errors.js';
import type { ProbePath } from '../port.js';
import { parseAddress } from './addresses.js';
import type { Context } from './context.js';
import { ERRNO, systemError } from './errno.js';
import { lastErrno } from './libc.js';
import { AF_INET, AF_INET6 } from './netlink.js';

const AF_PACKET = 17;
const SOCK_STREAM = 1;
const SOCK_DGRAM = 2;
const SOCK_RAW = 3;
const SOCK_NONBLOCK = 0o4000;
const SOCK_CLOEXEC = 0o2000000;
const SOL_SOCKET = 1;
const SO_ATTACH_FILTER = 26;
const ETHERTYPE = { 4: 0x0800, 6: 0x86dd } as const;
/** Protocol numbers of IPv4 and IPv6 inside an IP packet. */
const CARRIED = { 4: 4, 6: 41 } as const;
const FAMILY = { 4: AF_INET, 6: AF_INET6 } as const;
/** The IP header without extensions and TCP's with options. */
const HEARD_BYTES = 128;
const READS_PER_TURN = 64;

/** koffi closes a poll handle that nobody refers to; a path has to last until it is closed. */
const open = new Set<LinuxProbePath>();

/** Throws FL_E_SYSTEM, FL_E_PERMISSION. */
export function openProbePath(context: Context, family: 4 | 6, heard: (packet: Buffer) => void): ProbePath {
  const path = new LinuxProbePath(context, family, heard);
  open.add(path);
  return path;
}

class LinuxProbePath implements ProbePath {
  readonly port: number;
  readonly #context: Context;
  readonly #family: 4 | 6;
  readonly #heard: (packet: Buffer) => void;
  readonly #buffer = Buffer.alloc(HEARD_BYTES);
  readonly #sockets: number[] = [];
  readonly #packets: number;
  readonly #poll: ReturnType<typeof koffi.node.poll>;
  /** Raw sockets by the family of the outer header, opened when first used. */
  readonly #raw = new Map<4 | 6, number>();

  constructor(context: Context, family: 4 | 6, heard: (packet: Buffer) => void) {
    this.#context = context;
    this.#family = family;
    this.#heard = heard;
    try {
      this.port = this.#holdPort();
      this.#packets = this.#socket(AF_PACKET, SOCK_DGRAM, 0);
      this.#filter(this.#packets, filterOf(family, this.port));
      this.#bind(this.#packets, linkAddress(family, 0));
      this.#poll = koffi.node.poll(this.#packets, { readable: true }, this.#wake);
      this.#poll.unref();
    } catch (error) {
      for (const fd of this.#sockets) context.libc.close(fd);
      throw error;
    }
  }

  sendWrapped(to: string, packet: Buffer): void {
    const { family, bytes } = parseAddress(to);
    const outer = family === AF_INET ? 4 : 6;
    // sockaddr_in: family, port, address; sockaddr_in6: family, port, flow, address, scope. The port means nothing here.
    const address = Buffer.alloc(outer === 4 ? 16 : 28);
    address.writeUInt16LE(family, 0);
    bytes.copy(address, outer === 4 ? 4 : 8);
    this.#send(this.#rawSocket(outer), packet, address, `to ${to}`);
  }

  sendOnLink(ifindex: number, mac: string, packet: Buffer): void {
    const address = linkAddress(this.#family, ifindex);
    address.writeUInt8(6, 11);
    Buffer.from(mac.replaceAll(':', ''), 'hex').copy(address, 12);
    this.#send(this.#packets, packet, address, `to ${mac}`);
  }

  close(): void {
    if (!open.delete(this)) return;
    this.#poll.close();
    for (const fd of this.#sockets) this.#context.libc.close(fd);
  }

  #send(fd: number, packet: Buffer, address: Buffer, where: string): void {
    if (!open.has(this)) throw new FairleadError('FL_E_SYSTEM', 'the path of probes was closed');
    if (this.#context.libc.sendto(fd, packet, packet.length, 0, address, address.length) >= 0) return;
    throw systemError('FL_E_SYSTEM', `cannot send a probe ${where}`, lastErrno());
  }

  /** A port that the kernel chooses, kept by a socket that does nothing else. */
  #holdPort(): number {
    const fd = this.#socket(FAMILY[this.#family], SOCK_STREAM, 0);
    const address = Buffer.alloc(this.#family === 4 ? 16 : 28);
    address.writeUInt16LE(FAMILY[this.#family], 0);
    this.#bind(fd, address);
    const length = Buffer.alloc(4);
    length.writeUInt32LE(address.length);
    if (this.#context.libc.getsockname(fd, address, length) !== 0)
      throw systemError('FL_E_SYSTEM', 'cannot read the port of a socket', lastErrno());
    return address.readUInt16BE(2);
  }

  /** The kernel writes the outer header. It hears nothing: what tunnels bring to this node is not for it. */
  #rawSocket(outer: 4 | 6): number {
    const known = this.#raw.get(outer);
    if (known !== undefined) return known;
    const fd = this.#socket(FAMILY[outer], SOCK_RAW, CARRIED[this.#family]);
    this.#filter(fd, [DROP]);
    this.#raw.set(outer, fd);
    return fd;
  }

  #socket(family: number, type: number, protocol: number): number {
    const fd = this.#context.libc.socket(family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, protocol);
    if (fd < 0) throw systemError('FL_E_SYSTEM', 'cannot open a socket for probes', lastErrno());
    this.#sockets.push(fd);
    return fd;
  }

  #bind(fd: number, address: Buffer): void {
    if (this.#context.libc.bind(fd, address, address.length) !== 0)
      throw systemError('FL_E_SYSTEM', 'cannot bind a socket for probes', lastErrno());
  }

  #filter(fd: number, instructions: readonly Instruction[]): void {
    const code = Buffer.alloc(8 * instructions.length);
    instructions.forEach(([operation, jumpTrue, jumpFalse, operand], index) => {
      code.writeUInt16LE(operation, 8 * index);
      code.writeUInt8(jumpTrue, 8 * index + 2);
      code.writeUInt8(jumpFalse, 8 * index + 3);
      code.writeUInt32LE(operand, 8 * index + 4);
    });
    const program = Buffer.alloc(16); // struct sock_fprog
    program.writeUInt16LE(instructions.length, 0);
    program.writeBigUInt64LE(koffi.address(code), 8);
    if (this.#context.libc.setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, program, program.length) === 0) return;
    throw systemError('FL_E_SYSTEM', 'cannot put a filter on a socket for probes', lastErrno());
  }

  /** koffi calls this from libuv, where an exception would be lost and promises would wait: the work is done in a turn of its own. */
  readonly #wake = (): void => {
    setImmediate(() => {
      try {
        this.#readAll();
      } finally {
        if (open.has(this)) this.#poll.start({ readable: true }, this.#wake);
      }
    });
  };

  #readAll(): void {
    for (let reads = 0; open.has(this) && reads < READS_PER_TURN; reads++) {
      const length = this.#context.libc.recv(this.#packets, this.#buffer, this.#buffer.length, 0);
      if (length > 0) this.#heard(Buffer.from(this.#buffer.subarray(0, length)));
      // A device that goes down is told as an error of the socket, once; others still bring packets.
      else if (length === 0 || lastErrno() === ERRNO.EAGAIN) return;
    }
  }
}

/** struct sock_filter: code, jump if true, jump if false, operand (classic BPF, linux/filter.h). */
type Instruction = readonly [code: number, jumpTrue: number, jumpFalse: number, operand: number];
const LOAD_BYTE = 0x30;
const LOAD_HALF = 0x28;
const LOAD_HALF_BEHIND_X = 0x48;
const LOAD_HEADER_LENGTH = 0xb1;
const JUMP_EQUAL = 0x15;
const JUMP_SET = 0x45;
const RETURN = 0x06;
const TCP = 6;
const TAKE: Instruction = [RETURN, 0, 0, HEARD_BYTES];
const DROP: Instruction = [RETURN, 0, 0, 0];

/** TCP to this port, not in fragments; offsets from the IP header. */
function filterOf(family: 4 | 6, port: number): readonly Instruction[] {
  if (family === 6) {
    return [[LOAD_BYTE, 0, 0, 6], [JUMP_EQUAL, 0, 3, TCP], [LOAD_HALF, 0, 0, 42], [JUMP_EQUAL, 0, 1, port], TAKE, DROP];
  }
  return [
    [LOAD_BYTE, 0, 0, 9],
    [JUMP_EQUAL, 0, 6, TCP],
    [LOAD_HALF, 0, 0, 6],
    [JUMP_SET, 4, 0, 0x1fff],
    [LOAD_HEADER_LENGTH, 0, 0, 0],
    [LOAD_HALF_BEHIND_X, 0, 0, 2],
    [JUMP_EQUAL, 0, 1, port],
    TAKE,
    DROP,
  ];
}

/** struct sockaddr_ll: family, protocol (network order), device; 0: all devices. Without the MAC address yet. */
function linkAddress(family: 4 | 6, ifindex: number): Buffer {
  const address = Buffer.alloc(20);
  address.writeUInt16LE(AF_PACKET, 0);
  address.writeUInt16BE(ETHERTYPE[family], 2);
  address.writeInt32LE(ifindex, 4);
  return address;
}
