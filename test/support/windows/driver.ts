// The driver's side of the double: one connection a Windows process, whose calls process.ts answers.
// Imports Node and its siblings.
// Invariant: what a process leaves open is closed when its connection ends, however it ends.

import { once } from 'node:events';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import type { EfwKernel } from './efw-kernel.js';
import { WindowsProcess } from './process.js';
import { readRequest, writeAnswer } from './wire.js';

/** Serves a kernel to processes of this network namespace; they find it by FAIRLEAD_EBPF_DRIVER, the port. */
export class Driver {
  readonly kernel: EfwKernel;
  /** What a Windows program can ask the test for, by double_do(). */
  readonly actions = new Map<string, () => void>();
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  constructor(kernel: EfwKernel) {
    this.kernel = kernel;
    this.#server = createServer((socket) => this.#serve(socket));
  }

  /** Resolves to the port. */
  async listen(): Promise<number> {
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
    this.#server.unref();
    return (this.#server.address() as AddressInfo).port;
  }

  close(): void {
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
  }

  #serve(socket: Socket): void {
    const client = new WindowsProcess(this.kernel, this.actions);
    let received: Buffer = Buffer.alloc(0);
    this.#sockets.add(socket);
    socket.setNoDelay(true);
    socket.on('data', (data) => {
      received = Buffer.concat([received, data]);
      for (let found = readRequest(received); found !== undefined; found = readRequest(received)) {
        received = found.rest;
        socket.write(writeAnswer(client.answer(found.request.name, found.request.fields)));
      }
    });
    socket.on('error', () => socket.destroy());
    socket.on('close', () => {
      this.#sockets.delete(socket);
      client.end();
    });
  }
}
