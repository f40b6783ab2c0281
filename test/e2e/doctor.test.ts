// The doctor beside a running agent and on backends: faults are made in a lab, found, mended by what it prints, and gone.

import assert from 'node:assert/strict';
import { existsSync, renameSync, rmSync } from 'node:fs';
import type { AgentProcess } from '../../samples/founding-lab/agent-process.js';
import type { Lab } from '../../samples/founding-lab/lab.js';
import { Shell } from '../agent/doctor/shell.js';
import { DSR, openSetting, requireRoot, setService, SUITE_TIMEOUT } from './support/setting.js';

describe('the doctor in the lab', function () {
  this.timeout(SUITE_TIMEOUT);
  let lab: Lab;
  let agent: AgentProcess;
  let lb: Shell;
  let backend: Shell;
  /** On the load balancer, and on a backend. */
  let atLb = '';
  let atBackend = '';

  before(async function () {
    requireRoot(this);
    ({ lab, agent } = await openSetting({ backends: 1, web: false, decap: 'tc' }, DSR));
    await setService(lab, agent, 1);
    lb = new Shell(lab.host('lb').namespace);
    backend = new Shell(lab.host('backend1').namespace);
    atLb = `--instance=${agent.instance} doctor`;
    atBackend = `doctor backend --vip=${lab.vip} --lb=${lab.host('lb').address}`;
  });

  after(async () => {
    await agent?.kill();
    await lab?.remove();
  });

  it('finds nothing amiss with the load balancer and a backend', () => {
    const look = lb.look(atLb);
    assert.deepEqual(look.kinds, [], JSON.stringify(look.amiss));
    assert.deepEqual(look.devices, ['eth0']);
    assert.equal(look.chosenBy, `what the agent of instance ${agent.instance} serves`);
    const other = backend.look(atBackend);
    assert.deepEqual(other.kinds, [], JSON.stringify(other.amiss));
    assert.equal(other.chosenBy, `what leads to ${lab.host('lb').address}`);
    // A virtual address that install.sh was not given.
    assert.deepEqual(backend.look(atBackend.replace(lab.vip, `${lab.vip},40.1.1.2`)).kinds, ['problem decap', 'problem vip']);
  });

  it('a backend without address, decapsulator and silence about ARP is mended by what it prints', () => {
    backend.run(`
      ip address del ${lab.vip}/32 dev lo
      ip address add ${lab.vip}/24 dev eth0
      sysctl -qw net.ipv4.conf.eth0.arp_ignore=0 net.ipv4.conf.eth0.arp_announce=0 net.ipv4.conf.eth0.rp_filter=1
      tc qdisc del dev eth0 clsact
      ethtool -K eth0 tx on
      ip link set eth0 mtu 1500`);
    const look = backend.look(atBackend);
    assert.equal(look.status, 1);
    assert.deepEqual(look.kinds, [
      'problem arp',
      'problem decap',
      'problem rp-filter',
      'problem vip',
      'problem vip',
      'warning arp',
      'warning checksum',
      'warning mtu',
    ]);
    // From the installation on its script does the rest too, and is content with what is there.
    for (const command of look.commands) backend.run(command);
    const again = backend.look(atBackend);
    assert.deepEqual(again.kinds, [], JSON.stringify(again.amiss));
    assert.equal(again.status, 0);
  });

  it('what the agent knows: a silent next hop, a virtual address that is also here, an MTU without room', async () => {
    await agent.must(`service update --id=2 --frontend=40.1.1.2:80 --backends=20.1.1.77:80`);
    lb.run(`ip address add ${lab.vip}/32 dev lo; ip link set eth0 mtu 1500`);
    const look = lb.look(atLb);
    assert.deepEqual(look.kinds, ['problem next-hop', 'warning mtu', 'warning vip']);
    // The host comes up; then the printed command finds it.
    backend.run('ip address add 20.1.1.77/24 dev eth0');
    for (const command of look.commands) lb.run(command);
    const again = lb.look(atLb);
    assert.deepEqual(again.kinds, [], JSON.stringify(again.amiss));
  });

  it('is a command of the prompt too', async () => {
    assert.match(await agent.must('doctor'), /^eth0 \(what the agent of instance .*\)\n[\s\S]*\nok {7}kernel /);
  });

  it('a data plane without its agent, and a BPF link that is not of Fairlead', async () => {
    await agent.kill();
    const alone = lb.look(atLb);
    assert.deepEqual(alone.kinds, ['warning agent']);
    assert.equal(alone.chosenBy, "what carries Fairlead's program");
    // The same link under a name that no instance of ours has.
    const [pins, foreign] = [`/sys/fs/bpf/fairlead/${agent.instance}`, `/sys/fs/bpf/${agent.instance}-foreign`];
    renameSync(pins, foreign);
    try {
      const look = lb.look(`${atLb} --device=eth0`);
      assert.deepEqual(look.kinds, ['problem foreign-xdp']);
      const [command = ''] = look.commands;
      assert.match(command, /^bpftool link detach id \d+$/);
      lb.run(command);
      assert.deepEqual(lb.look(`${atLb} --device=eth0`).kinds, []);
    } finally {
      rmSync(foreign, { recursive: true, force: true });
    }
    assert.ok(!existsSync(pins));
  });
});
