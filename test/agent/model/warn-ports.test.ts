// Which services are warned of: those in DSR mode with a backend on another port.
// Imports agent/model alone.

import assert from 'node:assert/strict';
import { warnOfPorts } from '../../../agent/model/warn-ports.js';

const SERVICE = { id: 7, frontend: { address: '40.1.1.1', port: 81, protocol: 'tcp' }, mode: 'dsr' } as const;
const at = (...ports: number[]) => ports.map((port, index) => ({ address: `20.1.1.${index + 1}`, port }));

describe('warnOfPorts', () => {
  it("says nothing when all ports are the service's, nor in SNAT mode, nor without backends", () => {
    assert.deepEqual(warnOfPorts({ ...SERVICE, backends: at(81, 81) }), []);
    assert.deepEqual(warnOfPorts({ ...SERVICE, mode: 'snat', backends: at(80, 82) }), []);
    assert.deepEqual(warnOfPorts({ ...SERVICE, backends: [] }), []);
  });

  it('names the first backend with another port and counts the others', () => {
    const text = 'service 7: DSR leaves port 81 as it is, but';
    assert.deepEqual(warnOfPorts({ ...SERVICE, backends: at(81, 82) }), [`${text} 20.1.1.2:82 is given with another`]);
    const backends = [{ address: '2001:db8::2', port: 82 }];
    assert.deepEqual(warnOfPorts({ ...SERVICE, backends }), [`${text} [2001:db8::2]:82 is given with another`]);
    assert.deepEqual(warnOfPorts({ ...SERVICE, backends: at(80, 81, 82, 83) }), [`${text} 20.1.1.1:80 and 2 more are given with another`]);
  });
});
