// What changes in the network, as the kernel tells it: neighbours, links, addresses, routes.
// May import koffi, platform/port and its siblings.
// Invariant: no thread waits and no timer runs: the event loop polls the socket, and an open watch does not keep the process alive.

import koffi from 'koffi';
import type { NetworkEvent } from '../port.js';
import type { Context } from './context.js';
import { ERRNO, systemError } from './errno.js';
import { lastErrno } from './libc.js';
import { parseNeighbour } from './neighbours.js';
import { type Message, openRouteSocket, splitMessages } from './netlink.js';

const SOL_NETLINK = 270;
const NETLINK_ADD_MEMBERSHIP = 1;
const SOL_SOCKET = 1;
const SO_RCVBUFFORCE = 33;
/** RTNLGRP_ LINK, NEIGH, IPV4_IFADDR, IPV4_ROUTE, IPV6_IFADDR, IPV6_ROUTE */
const GROUPS = [1, 3, 5, 7, 9, 11];
const TYPES = {
  newLink: 16,
  deleteLink: 17,
  newAddress: 20,
  deleteAddress: 21,
  newRoute: 24,
  deleteRoute: 25,
  newNeighbour: 28,
  deleteNeighbour: 29,
};
const KERNEL_BUFFER_BYTES = 4 * 1024 * 1024;
/** Events of one turn of the event loop; the rest waits for the next. */
const READS_PER_TURN = 64;

/** koffi closes a poll handle that nobody refers to; a watch has to last until it is closed. */
const open = new Set<Watch>();

/** Calls the listener for every event from now on, each in a turn of the event loop of its own. Throws FL_E_SYSTEM. */
export function watchNetwork(context: Context, listener: (event: NetworkEvent) => void): { close(): void } {
  const watch = new Watch(context, listener);
  open.add(watch);
  return watch;
}

class Watch {
  readonly #context: Context;
  readonly #listener: (event: NetworkEvent) => void;
  readonly #buffer = Buffer.alloc(64 * 1024);
  readonly #poll: ReturnType<typeof koffi.node.poll>;
  #fd: number;

  constructor(context: Context, listener: (event: NetworkEvent) => void) {
    this.#context = context;
    this.#listener = listener;
    this.#fd = openEventSocket(context);
    this.#poll = koffi.node.poll(this.#fd, { readable: true }, this.#wake);
    this.#poll.unref();
  }

  close(): void {
    if (this.#fd < 0) return;
    open.delete(this);
    this.#poll.close();
    this.#context.libc.close(this.#fd);
    this.#fd = -1;
  }

  /**
   * koffi calls this from libuv: an exception would be lost there and promises would wait, so the work is done in a turn of its own.
   * A lost event is an error of the socket, on which libuv stops the poll: it is started again after the error was read.
   */
  readonly #wake = (): void => {
    setImmediate(() => {
      try {
        this.#readAll();
      } finally {
        if (this.#fd >= 0) this.#poll.start({ readable: true }, this.#wake);
      }
    });
  };

  #readAll(): void {
    for (let reads = 0; this.#fd >= 0 && reads < READS_PER_TURN; reads++) {
      const length = this.#context.libc.recv(this.#fd, this.#buffer, this.#buffer.length, 0);
      const errno = length < 0 ? lastErrno() : 0;
      if (errno === ERRNO.EAGAIN) return;
      if (errno === ERRNO.EINTR) continue;
      if (errno !== 0) {
        // ENOBUFS goes by being read; any other error would come back for ever.
        if (errno !== ERRNO.ENOBUFS) this.close();
        this.#listener({ kind: 'overrun' });
        continue;
      }
      for (const message of splitMessages(this.#buffer.subarray(0, length))) {
        const event = toEvent(message);
        if (event !== undefined && this.#fd >= 0) this.#listener(event);
      }
    }
  }
}

function openEventSocket(context: Context): number {
  const fd = openRouteSocket(context, true);
  const size = Buffer.alloc(4);
  size.writeUInt32LE(KERNEL_BUFFER_BYTES);
  // Without the right to enlarge it the default stays, and an overrun is reported the earlier.
  context.libc.setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, size, size.length);
  for (const group of GROUPS) {
    const value = Buffer.alloc(4);
    value.writeUInt32LE(group);
    if (context.libc.setsockopt(fd, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, value, value.length) === 0) continue;
    const errno = lastErrno();
    context.libc.close(fd);
    throw systemError('FL_E_SYSTEM', `cannot subscribe to network events (group ${group})`, errno);
  }
  return fd;
}

function toEvent({ type, body }: Message): NetworkEvent | undefined {
  switch (type) {
    case TYPES.newNeighbour:
    case TYPES.deleteNeighbour: {
      const neighbour = parseNeighbour(body);
      return neighbour && { kind: 'neighbour', neighbour, deleted: type === TYPES.deleteNeighbour };
    }
    case TYPES.newLink:
    case TYPES.deleteLink:
      return { kind: 'link', ifindex: body.readInt32LE(4) };
    case TYPES.newAddress:
    case TYPES.deleteAddress:
      return { kind: 'address', ifindex: body.readUInt32LE(4) };
    case TYPES.newRoute:
    case TYPES.deleteRoute:
      return { kind: 'route' };
    default:
      return undefined;
  }
}
