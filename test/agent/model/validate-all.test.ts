import assert from 'node:assert/strict';
import fc from 'fast-check';
import { parseFrontend } from '../../../agent/model/parse.js';
import type { Service } from '../../../agent/model/service.js';
import { validateServices } from '../../../agent/model/validate-all.js';
import { validateService } from '../../../agent/model/validate.js';

const LIMITS = { maxServices: 5, maxBackends: 8, maglevSize: 3 };

const frontend = fc
  .tuple(
    fc.constantFrom('40.1.1.1', '40.1.1.0/30', '40.1.1.0/24', '20.1.1.1', '20.1.1.0/30'),
    fc.constantFrom('80', '81', '80-90', '85-95', '*'),
    fc.constantFrom('tcp', 'udp'),
  )
  .map(([address, port, protocol]) => parseFrontend(`${address}:${port}/${protocol}`));
const service = fc.record({
  frontend,
  backends: fc.array(fc.constantFrom('20.1.1.1', '20.1.1.2', '20.1.1.9', '40.1.1.1'), { maxLength: 4 }),
});

describe('all services at once', () => {
  it('are refused exactly when one is refused among the others', () => {
    let refused = 0;
    fc.assert(
      fc.property(fc.array(service, { maxLength: 6 }), (made) => {
        const services = made.map(
          ({ frontend: at, backends }, index): Service => ({
            id: index + 1,
            frontend: at,
            backends: backends.map((address) => ({ address, port: 80, weight: 1, state: 'active' })),
            mode: undefined,
          }),
        );
        const refuses = (check: () => void) => {
          try {
            check();
            return false;
          } catch {
            return true;
          }
        };
        const apart = services.some((one) => refuses(() => validateService(one, services, LIMITS)));
        if (apart) refused++;
        assert.equal(
          refuses(() => validateServices(services, LIMITS, () => {})),
          apart,
        );
      }),
      { numRuns: 3000 },
    );
    assert.ok(refused > 500 && refused < 2900, `${refused}`);
  });
});

describe('too many services at once', () => {
  const made = (count: number): readonly Service[] =>
    Array.from({ length: count }, (_, index) => ({
      id: index + 1,
      frontend: { address: '40.1.1.1', port: index + 1, protocol: 'tcp' as const },
      backends: [
        { address: '20.1.1.10', port: 80, weight: 1, state: 'active' as const },
        { address: '20.1.1.11', port: 80, weight: 1, state: 'active' as const },
      ],
      mode: undefined,
    }));

  it('are refused with how many there are and how many there may be', () => {
    const told: number[] = [];
    const check = (limits: Partial<typeof LIMITS>) =>
      validateServices(made(9), { ...LIMITS, maxServices: 100, maxBackends: 100, ...limits }, ({ id }) => void told.push(id));
    assert.throws(() => check({ maxServices: 4 }), { code: 'FL_E_LIMIT', message: '9 services: at most 4' });
    assert.equal(told.at(-1), 5, 'the first that has no room');
    assert.throws(() => check({ maxBackends: 11 }), { code: 'FL_E_LIMIT', message: '18 backends: at most 11' });
    assert.equal(told.at(-1), 6);
  });
});
