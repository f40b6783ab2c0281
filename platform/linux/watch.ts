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

/** Calls the listener for every event from now on. Throws FL_E_SYSTEM. */
export function watchNetwork(context: Context, listener: (event: NetworkEvent) => void): { close(): void } {
  const fd = openEventSocket(context);
  const buffer = Buffer.alloc(64 * 1024);
  let open = true;
  const readAll = (): void => {
    for (let reads = 0; open && reads < READS_PER_TURN; reads++) {
      const length = context.libc.recv(fd, buffer, buffer.length, 0);
      if (length < 0) {
        const errno = lastErrno();
        if (errno === ERRNO.EAGAIN) return;
        if (errno !== ERRNO.EINTR) listener({ kind: 'overrun' });
        // ENOBUFS clears itself by this read; any other error would come back for ever.
        if (errno !== ERRNO.EINTR && errno !== ERRNO.ENOBUFS) close();
        continue;
      }
      for (const message of splitMessages(buffer.subarray(0, length))) {
        const event = toEvent(message);
        if (event !== undefined && open) listener(event);
      }
    }
  };
  const poll = koffi.node.poll(fd, { readable: true }, readAll);
  poll.unref();
  const close = (): void => {
    if (!open) return;
    open = false;
    poll.close();
    context.libc.close(fd);
  };
  return { close };
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
