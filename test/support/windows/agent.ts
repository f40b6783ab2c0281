// The real agent under Wine: started, typed at, and read.
// Imports its sibling wine.ts and Node.
// Invariant: what it says is read from the beginning or from a mark that a test set; nothing is missed between two looks.

import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { type Ended, type Wine, type WindowsNode, windowsPath } from './wine.js';

const launcher = windowsPath(fileURLToPath(new URL('../../windows/inside/agent-process.mjs', import.meta.url)));
const main = fileURLToPath(new URL('../../../dist/program/main.js', import.meta.url));
/** As node.exe imports it. */
const mainUrl = pathToFileURL(main).href.replace('file:///', 'file:///Z:/');

/** An agent at a prompt, or a command that ends by itself. */
export class WindowsAgent {
  readonly #node: WindowsNode;
  readonly #input: Promise<Socket>;
  #mark = 0;

  private constructor(node: WindowsNode, input: Promise<Socket>) {
    this.#node = node;
    this.#input = input;
  }

  static async start(wine: Wine, args: readonly string[], environment: NodeJS.ProcessEnv = {}): Promise<WindowsAgent> {
    // Not waited for at the end: one that says no to its flags is gone before it has connected.
    const server = createServer().listen(0, '127.0.0.1').unref();
    await once(server, 'listening');
    const input = once(server, 'connection').then(([socket]) => {
      server.close();
      (socket as Socket).on('error', () => undefined);
      return socket as Socket;
    });
    const { port } = server.address() as AddressInfo;
    return new WindowsAgent(wine.start([launcher, String(port), mainUrl, ...args], environment), input);
  }

  /** Types a line; what is said from now on is what expect() looks at. */
  async type(line: string): Promise<void> {
    this.#mark = this.#node.output().length;
    (await this.#input).write(`${line}\n`);
  }

  /** Waits until it has said this since the last line was typed, and returns all that it has said since. Fails when it ends before, or after 20 s. */
  async expect(pattern: RegExp): Promise<string> {
    const deadline = Date.now() + 20_000;
    for (;;) {
      const running = this.#node.running;
      const said = this.#node.output().slice(this.#mark);
      if (pattern.test(said)) return said;
      if (!running || Date.now() > deadline) throw new Error(`the agent ${running ? 'did not say' : 'ended without'} ${pattern}:\n${said}`);
      await sleep(20);
    }
  }

  /** Ends its input, as Ctrl-Z does, and waits for its end. */
  async leave(): Promise<Ended> {
    (await this.#input).end();
    return this.#node.ended();
  }

  ended(): Promise<Ended> {
    return this.#node.ended();
  }

  kill(): Promise<void> {
    return this.#node.kill();
  }
}
