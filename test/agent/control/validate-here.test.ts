// What services may ask for on a platform whose programs cannot make a packet longer, as on Windows today.
// Imports agent/control and platform/fake.

import assert from 'node:assert/strict';
import { placesOn } from '../../../agent/model/settings.js';
import { validateHere, validateMode } from '../../../agent/control/validate-here.js';
import type { Service } from '../../../agent/model/service.js';
import { withCode } from '../../platform/conformance.js';

const HERE = { dispatch: 'ipip', healthExec: false, growsHead: false } as const;
const service = (mode: Service['mode']): Service => ({
  id: 3,
  frontend: { address: '40.1.1.1', port: 80, protocol: 'tcp' },
  backends: [{ address: '20.1.1.10', port: 80, weight: 1, state: 'active' }],
  mode,
});

describe('where no packet can grow', () => {
  it('DSR by IPIP is refused, with the dispatch that works', () => {
    assert.throws(() => validateMode('dsr', HERE), withCode('FL_E_UNSUPPORTED', /mode dsr: DSR by IPIP/));
    assert.throws(
      () => validateMode('dsr', HERE),
      (error: { hint?: string }) => /--dsr-dispatch=l2/.test(error.hint ?? ''),
    );
    assert.throws(() => validateHere(service('dsr'), 'snat', HERE), withCode('FL_E_UNSUPPORTED', /service 3/));
    assert.throws(() => validateHere(service(undefined), 'dsr', HERE), withCode('FL_E_UNSUPPORTED', /service 3/));
  });

  it('SNAT, and DSR by L2, are not', () => {
    validateMode('snat', HERE);
    validateHere(service('snat'), 'snat', HERE);
    validateHere(service('dsr'), 'snat', { ...HERE, dispatch: 'l2' });
    validateHere(service('dsr'), 'snat', { ...HERE, growsHead: true });
  });
});

describe('places of an instance', () => {
  it('are folders of the system, and a pipe for the API on Windows', () => {
    const { api, state, ...folders } = placesOn('win32', 'D:\\Data');
    assert.deepEqual(folders, { locks: 'D:\\Data\\Fairlead\\run', cache: 'D:\\Data\\Fairlead\\cache' });
    assert.equal(state('default'), 'D:\\Data\\Fairlead\\state\\default\\state.json');
    assert.equal(api('default'), '\\\\.\\pipe\\fairlead-default');
    assert.equal(placesOn('win32').state('lab'), 'C:\\ProgramData\\Fairlead\\state\\lab\\state.json');
    assert.equal(placesOn('linux').api('default'), '/run/fairlead/default.sock');
    assert.equal(placesOn('linux').state('lab'), '/var/lib/fairlead/lab/state.json');
  });
});
