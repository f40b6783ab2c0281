// Messages to the service manager: datagrams to the Unix socket that it names (sd_notify(3)). Node.js has no such sockets.
// May import its siblings.
// Invariant: a message that cannot be sent is lost; nothing waits for the service manager.

import type { Context } from './context.js';

const AF_UNIX = 1;
const SOCK_DGRAM = 2;
const SOCK_NONBLOCK = 0o4000;
const SOCK_CLOEXEC = 0o2000000;
/** sockaddr_un: family in host order, then the path; '@' in front stands for the abstract name space. */
const PATH_BYTES = 108;

/** Sends `text` ('READY=1') to the socket at `path`. Returns whether it was taken. */
export function notifyServiceManager({ libc }: Pick<Context, 'libc'>, path: string, text: string): boolean {
  const name = Buffer.from(path.replace(/^@/, '\0'));
  if (name.length >= PATH_BYTES) return false;
  const address = Buffer.alloc(2 + name.length + (path.startsWith('@') ? 0 : 1));
  address.writeUInt16LE(AF_UNIX, 0);
  name.copy(address, 2);
  const fd = libc.socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return false;
  try {
    const message = Buffer.from(text);
    return libc.connect(fd, address, address.length) === 0 && libc.send(fd, message, message.length, 0) === message.length;
  } finally {
    libc.close(fd);
  }
}
