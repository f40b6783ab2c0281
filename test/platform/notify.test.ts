import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadLibc } from '../../platform/linux/libc.js';
import { notifyServiceManager } from '../../platform/linux/notify.js';

describe('messages to the service manager', () => {
  before(function () {
    if (process.platform !== 'linux') this.skip();
  });

  /** Binds a datagram socket of this name (sockaddr_un) and gives what arrives at it. */
  function listen(name: Buffer): { take(): string; close(): void } {
    const libc = loadLibc();
    const [AF_UNIX, SOCK_DGRAM, MSG_DONTWAIT] = [1, 2, 0x40];
    const fd = libc.socket(AF_UNIX, SOCK_DGRAM, 0);
    const address = Buffer.concat([Buffer.from([AF_UNIX, 0]), name]);
    assert.equal(libc.bind(fd, address, address.length), 0);
    const room = Buffer.alloc(4096);
    return {
      take: () => room.toString('utf8', 0, Math.max(0, Number(libc.recv(fd, room, room.length, MSG_DONTWAIT)))),
      close: () => libc.close(fd),
    };
  }

  it('arrive at a path and at an abstract name', () => {
    const folder = mkdtempSync(join(tmpdir(), 'fairlead-notify-'));
    const path = join(folder, 'notify');
    const abstract = `fairlead-notify-${process.pid}`;
    for (const [name, given] of [
      [Buffer.from(`${path}\0`), path],
      [Buffer.from(`\0${abstract}`), `@${abstract}`],
    ] as const) {
      const socket = listen(name);
      try {
        assert.equal(notifyServiceManager({ libc: loadLibc() }, given, 'READY=1\nSTATUS=on'), true);
        assert.equal(socket.take(), 'READY=1\nSTATUS=on');
      } finally {
        socket.close();
      }
    }
    rmSync(folder, { recursive: true });
  });

  it('are lost where nobody listens, without harm', () => {
    assert.equal(notifyServiceManager({ libc: loadLibc() }, '/nowhere/notify', 'READY=1'), false);
    assert.equal(notifyServiceManager({ libc: loadLibc() }, `/${'x'.repeat(200)}`, 'READY=1'), false);
  });
});
