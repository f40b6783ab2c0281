// The processes behind udp.ts: `echo` answers each datagram with its backend's name before it, `ask` sends and counts,
// `open` sends one datagram from each of many ports.
// Imports Node and the types of udp.ts.
// Invariant: the report is one line of JSON, the last.

import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { isIPv6 } from 'node:net';
import type { UdpFlows, UdpOptions, UdpReport } from './udp.js';

type Task =
  | ({ role: 'ask'; address: string } & UdpOptions)
  | ({ role: 'open'; address: string } & UdpFlows)
  | { role: 'echo'; name: string; port: number; addresses: string[] };

/** Sockets that are open at a time; `ulimit -n` is 1024 on many machines. */
const OPEN_SOCKETS = 256;

const typeFor = (address: string): 'udp4' | 'udp6' => (isIPv6(address) ? 'udp6' : 'udp4');

/** One socket for each address: the answer must leave from the address that was asked. */
async function echo(name: string, port: number, addresses: readonly string[]): Promise<object> {
  let answered = 0;
  const sockets: Socket[] = [];
  for (const address of addresses) {
    const socket = createSocket(typeFor(address)).bind(port, address);
    socket.on('message', (message, from) => {
      answered += 1;
      socket.send(Buffer.concat([Buffer.from(`${name} `), message]), from.port, from.address);
    });
    await once(socket, 'listening');
    sockets.push(socket);
  }
  process.stdin.resume();
  process.stdout.write('ready\n');
  await once(process.stdin, 'end');
  for (const socket of sockets) socket.close();
  return { answered };
}

/** Name of the backend that echoed `question`, or undefined when no right answer came in time. */
function nextAnswer(socket: Socket, question: string, from: string, timeout: number): Promise<string | undefined> {
  return new Promise((resolve) => {
    const finish = (name: string | undefined) => {
      clearTimeout(timer);
      socket.off('message', onMessage);
      resolve(name);
    };
    const onMessage = (message: Buffer, sender: { address: string }) => {
      const [name = '', ...rest] = message.toString().split(' ');
      if (rest.join(' ') === question && sender.address === from) finish(name);
    };
    const timer = setTimeout(() => finish(undefined), timeout);
    socket.on('message', onMessage);
  });
}

async function ask(options: UdpOptions & { address: string }): Promise<UdpReport> {
  const backends: Record<string, number> = {};
  let sent = 0;
  let answered = 0;
  let moved = 0;
  const flow = async (index: number) => {
    const socket = createSocket(typeFor(options.address)).bind();
    await once(socket, 'listening');
    const names = new Set<string>();
    for (let number = 0; number < (options.datagrams ?? 4); number += 1) {
      const question = `${index}-${number}-`.padEnd(options.size ?? 64, 'x');
      const answer = nextAnswer(socket, question, options.address, options.timeout ?? 1000);
      socket.send(question, options.port, options.address);
      sent += 1;
      const name = await answer;
      if (name === undefined) continue;
      answered += 1;
      names.add(name);
      backends[name] = (backends[name] ?? 0) + 1;
    }
    if (names.size > 1) moved += 1;
    socket.close();
  };
  process.stdout.write('ready\n');
  await Promise.all(Array.from({ length: options.sockets ?? 8 }, (_, index) => flow(index)));
  return { sent, answered, backends, moved };
}

async function open({ address, port, sources, ports: [first, last] }: UdpFlows & { address: string }): Promise<{ sent: number }> {
  const datagram = Buffer.from('x');
  const sendFrom = (source: string, sourcePort: number) =>
    new Promise<void>((resolve, reject) => {
      const socket = createSocket(typeFor(address)).on('error', reject).bind(sourcePort, source);
      socket.send(datagram, port, address, () => socket.close(() => resolve()));
    });
  let sent = 0;
  process.stdout.write('ready\n');
  for (const source of sources) {
    for (let next = first; next <= last; next += OPEN_SOCKETS) {
      const count = Math.min(OPEN_SOCKETS, last - next + 1);
      await Promise.all(Array.from({ length: count }, (_, index) => sendFrom(source, next + index)));
      sent += count;
    }
  }
  return { sent };
}

function carryOut(task: Task): Promise<object> {
  if (task.role === 'echo') return echo(task.name, task.port, task.addresses);
  return task.role === 'open' ? open(task) : ask(task);
}

const report = await carryOut(JSON.parse(process.argv[2] ?? '{}') as Task);
process.stdout.write(`${JSON.stringify(report)}\n`);
