// The MSS option of SYNs, made smaller by setting.
// Imports the packet builders and the worlds of the tests.

import { buildFrame, tcp } from '../../support/packet/build.js';
import type { PacketCase } from '../case.js';
import { splitPacket } from '../split.js';
import { backendEntry, backends, establishedFlow } from '../states.js';
import type { Change, World } from '../world.js';
import { begins, goesOn, pass, type Way } from './ways.js';

export function mssClampCases(world: World): readonly PacketCase[] {
  const { family, ONE_PORT } = world;
  const settings = { ...ONE_PORT, mssClamp: 1400 };
  const most = (family === 4 ? 1400 : 1380).toString(16).padStart(4, '0');
  const option = (mss: string, before = '', after = '') => Buffer.from(`${before}0204${mss}${after}`, 'hex');
  /** `to` undefined: nothing changes. */
  function syn(title: string, options: Buffer, to?: Buffer, way: Exclude<Way, 'snat-reply'> = 'snat-request'): PacketCase {
    const came = begins(world, way, 'tcp', title, { change: { options }, more: { settings } });
    if (to === undefined) return came;
    return { ...came, ...pickOut(begins(world, way, 'tcp', title, { change: { options: to } })) };
  }
  const pickOut = ({ out }: PacketCase) => (out === undefined ? {} : { out });
  function answer(title: string, change: Change, to: Change): PacketCase {
    const given = { ...goesOn(world, 'snat-reply', 'tcp', title, { change, more: { settings } }), entries: 'open' as const };
    return { ...given, ...pickOut(goesOn(world, 'snat-reply', 'tcp', title, { change: to })) };
  }
  /** Its later fragment begins with what would be the headers of a SYN. */
  const alike = buildFrame(tcp({ src: 1, dst: 2, flags: ['syn'], options: option('05b4') }));
  const fragmented: Change = {
    flags: ['syn', 'ack'],
    payload: Buffer.concat([Buffer.alloc(28), alike]),
    ip: { v4: { dontFragment: false } },
  };
  const parts = (frame: Buffer) => splitPacket(family, frame, { sizes: [48] }) as readonly [Buffer, Buffer];
  return [
    {
      ...goesOn(world, 'snat-reply', 'tcp', 'that is a later fragment stays as it is, whatever it looks like', {
        change: {},
        more: { settings },
      }),
      earlier: [parts(world.reply('tcp', fragmented))[0]],
      packet: parts(world.reply('tcp', fragmented))[1],
      out: parts(world.translatedReply('tcp', fragmented))[1],
      entries: 'open',
    },
    pass(
      'local_backend',
      'a SYN to a backend on this node keeps its MSS',
      world.request('tcp', { flags: ['syn'], options: option('05b4') }),
      {
        settings,
        before: {
          flows: [establishedFlow(world, 'tcp', { action: 'local', snatPort: 0 })],
          backends: backends(world, backendEntry(world, 'a', { local: true })),
        },
        entries: 'open',
      },
    ),
    ...(['snat-request', 'dsr-ipip', 'dsr-l2'] as const).map((way) => syn('has its MSS made smaller', option('05b4'), option(most), way)),
    syn('keeps an MSS that is small enough', option(most)),
    syn('keeps an MSS of one byte less', option('0218')),
    syn('has an MSS behind another option made smaller', option('05b4', '0402'.padEnd(8, '01')), option(most, '0402'.padEnd(8, '01'))),
    syn('has an MSS at an odd place made smaller', option('ffff', '01', '010101'), option(most, '01', '010101')),
    syn('keeps what stands behind the end of its options', option('05b4', '00', '000000')),
    syn('keeps an MSS option of another length', Buffer.from('020605b405b40000', 'hex')),
    syn('keeps what an option without a length leads to', Buffer.from('0800020405b40000', 'hex')),
    syn('without options stays as it is', Buffer.alloc(0)),
    answer(
      'of SYN and ACK has its MSS made smaller',
      { flags: ['syn', 'ack'], options: option('05b4') },
      { flags: ['syn', 'ack'], options: option(most) },
    ),
    answer('that is no SYN keeps what looks like an MSS', { options: option('05b4') }, { options: option('05b4') }),
  ];
}
