import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { findServiceManager } from '../../../agent/cli/service-manager.js';

describe('the service manager', () => {
  function told(env: NodeJS.ProcessEnv) {
    const messages: string[] = [];
    const manager = findServiceManager(env, 4711, (path, text) => {
      messages.push(`${path} ${text.replaceAll('\n', ' ')}`);
      return true;
    });
    return { manager, messages };
  }

  it('is told that the agent is ready, alive, and stopping', async () => {
    const { manager, messages } = told({ NOTIFY_SOCKET: '/run/n', WATCHDOG_USEC: '30000', WATCHDOG_PID: '4711' });
    assert.deepEqual(messages, []);
    manager.ready('balancing on eth0');
    while (messages.length < 3) await sleep(5);
    manager.stopping();
    const count = messages.length;
    await sleep(50);
    assert.equal(messages.length, count);
    assert.deepEqual(messages.slice(0, 2), ['/run/n READY=1 STATUS=balancing on eth0', '/run/n WATCHDOG=1']);
    assert.equal(messages.at(-1), '/run/n STOPPING=1');
  });

  it('that watches another process, or none, is not told that this one is alive', async () => {
    for (const watched of [{ WATCHDOG_USEC: '3000', WATCHDOG_PID: '1' }, {}]) {
      const { manager, messages } = told({ NOTIFY_SOCKET: '/run/n', ...watched });
      manager.ready('');
      await sleep(30);
      assert.equal(messages.length, 1);
    }
  });

  it('is not there without its socket', () => {
    const { manager, messages } = told({ WATCHDOG_USEC: '3000' });
    manager.ready('');
    manager.stopping();
    assert.deepEqual(messages, []);
  });
});
