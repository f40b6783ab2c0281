// Settings as macros and as the config map's bytes; the layout digest.
// Imports agent/datapath and agent/model; reads bpf/config.h.
// Neither form may say what the other does not.

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { findSourceDirectory } from '../../../agent/control/program/sources.js';
import { CONFIG } from '../../../agent/datapath/layout.js';
import { buildConfig, buildMacros, DEFAULT_HASH_SEED, encodeConfig, layoutDigest } from '../../../agent/datapath/macros.js';
import { REASONS } from '../../../agent/model/reasons.js';
import { DEFAULT_SETTINGS } from '../../../agent/model/settings.js';
import { refusal } from '../model/refuse.js';

const FACTS = {
  layoutDigest: 'deadbeef',
  ticksPerSecond: 250,
  snatRange: [1024, 32767] as const,
  lbAddresses: ['20.1.1.1', '2001:db8::1', '10.0.0.1'],
  bootIdentity: 'one boot',
};
const CONFIG_OF_FACTS = buildConfig(DEFAULT_SETTINGS, FACTS);

describe('the settings of the data plane', () => {
  it('become macros', () => {
    assert.deepEqual(buildMacros(CONFIG_OF_FACTS, DEFAULT_SETTINGS), {
      FL_LAYOUT: '0xdeadbeef',
      FL_TICKS_PER_SECOND: '250',
      FL_MAGLEV_SIZE: '16381',
      FL_NEW_FLOW_RATE: '100000',
      FL_TIMEOUT_SYN: '15000',
      FL_TIMEOUT_ESTABLISHED: '5400000',
      FL_TIMEOUT_CLOSING: '2500',
      FL_TIMEOUT_UDP: '15000',
      FL_SNAT_PORT_MIN: '1024',
      FL_SYN_CHALLENGE: '0',
      FL_SNAT_PORT_MAX: '32767',
      FL_HASH_SEED: `0x${DEFAULT_HASH_SEED.toString(16)}`,
      // printf 'one boot' | sha256sum: the first 8 bytes, as a little-endian number.
      FL_SLOT_SEED: '0x1d30a5b68082a8e5ULL',
      FL_LB4_ADDRESS_0: '0x01010114',
      FL_LB4_ADDRESS_1: '0x0100000a',
      FL_LB4_ADDRESS_2: '0x00000000',
      FL_LB4_ADDRESS_3: '0x00000000',
      FL_LB6_ADDRESS_0: '0xb80d0120,0x00000000,0x00000000,0x01000000',
      FL_LB6_ADDRESS_1: '0x00000000,0x00000000,0x00000000,0x00000000',
      FL_LB6_ADDRESS_2: '0x00000000,0x00000000,0x00000000,0x00000000',
      FL_LB6_ADDRESS_3: '0x00000000,0x00000000,0x00000000,0x00000000',
      FL_EARLY_FRAGMENTS_PASS: '0',
      FL_ANSWER_RATE: '1000',
      FL_MSS_CLAMP: '0',
      FL_NO_BACKEND: '0',
      FL_VIP_ECHO: '1',
      FL_IPIP4_SOURCE: '0x00000000',
      FL_IPIP4_ENTROPY: '0x00000000',
      FL_SNAT4_SOURCES: '0',
      FL_SNAT6_SOURCES: '0',
      FL_UNKNOWN_PORT_DROPS: '0',
      FL_MAX_FLOWS: '262144',
      FL_MAX_SERVICES: '16384',
      FL_MAX_BACKENDS: '32768',
    });
  });

  it('say the prefix of outer sources and how many SNAT addresses each family has', () => {
    const settings = {
      ...DEFAULT_SETTINGS,
      ipipSource: { address: '10.9.64.0', length: 18 },
      snatAddresses: ['20.1.1.1', '2001:db8::1', '20.1.1.2'],
    };
    const macros = buildMacros(buildConfig(settings, FACTS), settings);
    assert.deepEqual(
      [macros.FL_IPIP4_SOURCE, macros.FL_IPIP4_ENTROPY, macros.FL_SNAT4_SOURCES, macros.FL_SNAT6_SOURCES],
      ['0x0040090a', '0xff3f0000', '2', '1'],
    );
  });

  it('become the bytes of the config map, in which an address macro has the same bytes', () => {
    const bytes = encodeConfig(CONFIG_OF_FACTS);
    assert.deepEqual(CONFIG.decode(bytes), CONFIG_OF_FACTS);
    const macros = buildMacros(CONFIG_OF_FACTS, DEFAULT_SETTINGS);
    assert.equal(bytes.readUInt32LE(CONFIG.fields.lb4Address.offset), Number(macros.FL_LB4_ADDRESS_0));
    assert.equal(bytes.subarray(48, 52).join('.'), '20.1.1.1');
    assert.equal(bytes.subarray(64, 80).toString('hex'), '20010db8000000000000000000000001');
    const words = String(macros.FL_LB6_ADDRESS_0).split(',').map(Number);
    assert.deepEqual(
      words,
      [0, 4, 8, 12].map((at) => bytes.readUInt32LE(64 + at)),
    );
    assert.equal(`0x${bytes.readBigUInt64LE(CONFIG.fields.slotSeed.offset).toString(16)}ULL`, macros.FL_SLOT_SEED);
  });

  it('are all that bpf/config.h asks for, and every size the maps have', () => {
    const text = readFileSync(join(findSourceDirectory(), 'config.h'), 'utf8');
    const body = /config_of_macros = \{([^;]*)\};/.exec(text)?.[1] ?? '';
    const asked = [...body.matchAll(/\bFL_\w+/g)].map(([name]) => name);
    const sizes = [...text.matchAll(/^#ifndef (FL_\w+)/gm)].map(([, name]) => name as string);
    const given = Object.keys(buildMacros(CONFIG_OF_FACTS, DEFAULT_SETTINGS));
    assert.ok(asked.length >= 15, 'the initialiser was found');
    assert.deepEqual([...new Set([...asked, ...sizes])].sort(), given.sort());
  });

  it('refuse more LB addresses than the data plane has places for', () => {
    const four = ['1.0.0.1', '1.0.0.2', '1.0.0.3', '1.0.0.4'];
    const six = ['::1', '::2', '::3', '::4'];
    const config = (lbAddresses: readonly string[]) => buildConfig(DEFAULT_SETTINGS, { ...FACTS, lbAddresses });
    const both = config([...four, ...six]);
    assert.deepEqual([both.lb4Address, both.lb6Address], [four, six]);
    for (const [family, address] of [
      [4, '1.0.0.5'],
      [6, '::5'],
    ] as const) {
      assert.equal(
        refusal(() => config([...four, ...six, address])),
        `FL_E_LIMIT 5 IPv${family} LB addresses: at most 4 | name one with --lb-address, or fewer devices`,
      );
    }
  });

  it('seed the flow tables by the boot, and nothing else by it: nodes agree on backends, nobody outside knows a slot', () => {
    const other = buildConfig(DEFAULT_SETTINGS, { ...FACTS, bootIdentity: 'another boot' });
    assert.notEqual(other.slotSeed, CONFIG_OF_FACTS.slotSeed);
    assert.deepEqual({ ...other, slotSeed: 0n }, { ...CONFIG_OF_FACTS, slotSeed: 0n });
    assert.ok(other.slotSeed > 2n ** 32n, 'both halves of the seed are in use');
  });

  it('keep the longest timeout below half of the ticks there are', () => {
    const timeouts = { ...DEFAULT_SETTINGS.timeouts, established: 604800 };
    assert.equal(buildConfig({ ...DEFAULT_SETTINGS, timeouts }, { ...FACTS, ticksPerSecond: 10000 }).timeoutEstablished, 0x7fffffff);
  });
});

describe('the layout digest', () => {
  const digest = layoutDigest('header', DEFAULT_SETTINGS);

  it('is 8 hex digits', () => assert.match(digest, /^[0-9a-f]{8}$/));

  it('changes with the header and with every size', () => {
    const others = [
      layoutDigest('header ', DEFAULT_SETTINGS),
      layoutDigest('header', { ...DEFAULT_SETTINGS, maxFlows: 1 }),
      layoutDigest('header', { ...DEFAULT_SETTINGS, maxServices: 1 }),
      layoutDigest('header', { ...DEFAULT_SETTINGS, maxBackends: 1 }),
      layoutDigest('header', { ...DEFAULT_SETTINGS, maglevSize: 251 }),
    ];
    assert.equal(new Set([digest, ...others]).size, 6);
  });

  it('covers the number of reasons, which is the size of the metrics map', () => {
    const sizes = `262144 16384 32768 16381 ${REASONS.length}`;
    assert.equal(digest, createHash('sha256').update(`header\0${sizes}`).digest('hex').slice(0, 8));
  });

  it('stays the same for what is no part of the layout', () => {
    assert.equal(layoutDigest('header', { ...DEFAULT_SETTINGS, newFlowRate: 5, instance: 'x' } as typeof DEFAULT_SETTINGS), digest);
  });
});
