// The suite of all platforms on the Windows adapter. conformance.inside.ts compiles it, and node.exe's mocha runs it under Wine.
// Imports platform/windows and test/platform.
// What Linux has to do meanwhile, as changing the device, is asked for by double_do(), which the double has for tests.

import koffi from 'koffi';
import { createWindowsPlatform } from '../../../platform/windows/index.js';
import { describeConformance } from '../../platform/conformance.js';

interface Ground {
  readonly objectFile: string;
  readonly directory: string;
  readonly wire: { readonly ifindex: number; readonly name: string; readonly neighbourMac: string };
}

const { objectFile, directory, wire } = JSON.parse(process.env['FL_GROUND'] ?? '{}') as Ground;
const ask = koffi.load('ebpfapi.dll').func('double_do', 'int', ['str']);
const doing = (action: string) => (): void => {
  if (ask(action) < 0) throw new Error(`the test cannot do ${action}`);
};

describeConformance('windows, under Wine', async () => {
  const platform = createWindowsPlatform();
  return {
    platform,
    restart: () => createWindowsPlatform(),
    objectFile,
    pinDirectory: `${platform.pinRoot}/conformance`,
    directory,
    wire: {
      ...wire,
      changeLink: doing('changeLink'),
      changeAddress: doing('changeAddress'),
      changeRoute: doing('changeRoute'),
      attachForeign: () => {
        doing('attachForeign')();
        return doing('detachForeign');
      },
    },
    lacks: ['sizes', 'device check', 'map forms', 'modes', 'IPv6 tables'],
    dispose: () => undefined,
  };
});
