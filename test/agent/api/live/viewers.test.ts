// The stream of the page over real connections: what comes, how many may look, who is sent away, how it ends.
// Imports agent/api and the agent in memory.

import assert from 'node:assert/strict';
import { EventEmitter, once } from 'node:events';
import type { ServerResponse } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { FastifyInstance } from 'fastify';
import { buildWeb, type WebOptions } from '../../../../agent/api/web.js';
import type { Frame, Viewer } from '../../../../agent/api/live/sampler.js';
import { type ViewerLimits, Viewers } from '../../../../agent/api/live/viewers.js';
import { AgentDouble } from '../../support/agent-double.js';

describe('the stream of the page', () => {
  let app: FastifyInstance;
  let port: number;
  const sockets: Socket[] = [];
  const start = async (
    limits: Partial<ViewerLimits> = {},
    agent = new AgentDouble(),
    pace: WebOptions['pace'] = { watched: 30, idle: 100 },
  ) => {
    app = buildWeb(agent, { version: '1.2.3', limits, pace });
    await app.listen({ host: '127.0.0.1', port: 0 });
    port = (app.server.address() as AddressInfo).port;
  };
  afterEach(async () => {
    for (const socket of sockets.splice(0)) socket.destroy();
    await app.close();
  });

  /** A viewer by hand: what came, as text. */
  const look = async () => {
    const socket = connect(port, '127.0.0.1');
    sockets.push(socket);
    socket.on('error', () => {});
    const view = { socket, text: '', ended: false };
    socket.on('data', (data: Buffer) => {
      view.text += data.toString('latin1');
    });
    socket.on('close', () => {
      view.ended = true;
    });
    socket.write('GET /live HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n');
    await once(socket, 'connect');
    return view;
  };
  const until = async (what: string, holds: () => boolean) => {
    for (let waited = 0; !holds(); waited += 5) {
      assert.ok(waited < 5000, `${what}: not in 5 s`);
      await sleep(5);
    }
  };

  it('is of server-sent events: a whole one, then what changes', async () => {
    await start();
    const view = await look();
    await until('two samples', () => view.text.split('event: sample').length > 2);
    const [head = ''] = view.text.split('\r\n\r\n');
    assert.match(head, /^HTTP\/1\.1 200 OK/);
    assert.match(head, /content-type: text\/event-stream/i);
    assert.match(head, /cache-control: no-store/i);
    assert.match(head, /content-security-policy: default-src 'self'/i);
    assert.doesNotMatch(head, /access-control/i);
    assert.match(view.text, /retry: 1000\nevent: begin\ndata: \{"version":1,[^\n]*"services":\[\{"id":1,[^\n]*\}\n\n/);
    assert.equal(view.text.split('event: begin').length, 2);
  });

  it('has a bound: further ones are refused with a reason, until one leaves', async () => {
    await start({ most: 3 });
    const views = [await look(), await look(), await look()];
    await until('all to see', () => views.every(({ text }) => text.includes('event: begin')));
    const refused = await fetch(`http://127.0.0.1:${port}/live`);
    assert.deepEqual([refused.status, refused.headers.get('retry-after')], [503, '5']);
    const { error } = (await refused.json()) as { error: { code: string; message: string } };
    assert.deepEqual([error.code, error.message], ['FL_E_LIMIT', '3 pages are being served already']);
    assert.equal((await fetch(`http://127.0.0.1:${port}/healthz`)).status, 200, 'the rest is served all the same');
    views[0]?.socket.destroy();
    await sleep(50);
    const next = await look();
    await until('the next to see', () => next.text.includes('event: begin'));
  });

  it('is kept alive by comments while there is nothing to tell', async () => {
    const agent = new AgentDouble();
    agent.status = () => new Promise(() => {});
    await start({ heartbeat: 30 }, agent);
    const view = await look();
    await until('two comments', () => view.text.split(': alive\n\n').length > 2);
  });

  it('ends with the agent, at once', async () => {
    await start();
    const view = await look();
    await until('something', () => view.text.includes('event: begin'));
    const began = performance.now();
    await app.close();
    assert.ok(performance.now() - began < 500);
    await until('its end', () => view.ended);
    assert.ok(view.text.endsWith('0\r\n\r\n'), 'a whole answer, not one that was cut');
  });

  it('is nothing for HEAD and POST', async () => {
    await start();
    for (const method of ['HEAD', 'POST']) assert.equal((await fetch(`http://127.0.0.1:${port}/live`, { method })).status, 404, method);
  });
});

/** A connection that takes what it is sent when the test says so. */
class Connection extends EventEmitter {
  readonly taken: string[] = [];
  writableLength = 0;
  destroyed = false;
  ended = false;

  write(text: string): void {
    assert.equal(this.writableLength, 0, 'nothing is added to what waits');
    this.taken.push(text);
    this.writableLength = text.length;
  }

  take(): void {
    this.writableLength = 0;
  }

  destroy(): void {
    this.destroyed = true;
    this.emit('close');
  }

  end(): void {
    this.ended = true;
  }
}

describe('viewers that are slow', () => {
  let show: (frame: Frame) => void = () => {};
  let left = 0;
  const sampler = {
    add(viewer: Viewer) {
      show = (frame) => viewer.show(frame);
      return () => {
        left += 1;
      };
    },
  };
  const frame = (number: number): Frame => ({ sample: `sample ${number}`, begin: () => `all ${number}` });
  const open = (limits: Partial<ViewerLimits> = {}) => {
    const viewers = new Viewers(sampler, limits);
    const connection = new Connection();
    viewers.add(connection as unknown as ServerResponse);
    return { viewers, connection };
  };

  it('get nothing while the last message waits, and then everything', () => {
    const { viewers, connection } = open();
    for (const number of [1, 2, 3]) show(frame(number));
    connection.take();
    show(frame(4));
    connection.take();
    show(frame(5));
    assert.deepEqual(connection.taken, [
      'retry: 1000\nevent: begin\ndata: all 1\n\n',
      'retry: 1000\nevent: begin\ndata: all 4\n\n',
      'event: sample\ndata: sample 5\n\n',
    ]);
    viewers.close();
    assert.ok(connection.ended);
  });

  it('are sent away when they take nothing for long', async () => {
    const before = left;
    const { viewers, connection } = open({ patience: 50 });
    show(frame(1));
    show(frame(2));
    assert.ok(!connection.destroyed);
    await sleep(60);
    show(frame(3));
    assert.ok(connection.destroyed);
    assert.deepEqual([viewers.count, left - before], [0, 1]);
    viewers.close();
  });

  it('are not sent away after a pause in which there was nothing to take', async () => {
    const { viewers, connection } = open({ patience: 50 });
    show(frame(1));
    connection.take();
    await sleep(60);
    show(frame(2));
    show(frame(3));
    assert.ok(!connection.destroyed);
    viewers.close();
  });
});
