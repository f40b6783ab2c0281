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

const FACTS = { layoutDigest: 'deadbeef', ticksPerSecond: 250, snatRange: [1024, 32767] as const, lbAddresses: ['20.1.1.1', '10.0.0.1'] };
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
      FL_SNAT_PORT_MAX: '32767',
      FL_HASH_SEED: `0x${DEFAULT_HASH_SEED.toString(16)}`,
      FL_LB4_ADDRESS_0: '0x01010114',
      FL_LB4_ADDRESS_1: '0x0100000a',
      FL_LB4_ADDRESS_2: '0x00000000',
      FL_LB4_ADDRESS_3: '0x00000000',
      FL_MAX_FLOWS: '262144',
      FL_MAX_SERVICES: '16384',
      FL_MAX_BACKENDS: '65536',
    });
  });

  it('become the bytes of the config map, in which an address macro has the same bytes', () => {
    const bytes = encodeConfig(CONFIG_OF_FACTS);
    assert.deepEqual(CONFIG.decode(bytes), CONFIG_OF_FACTS);
    const macros = buildMacros(CONFIG_OF_FACTS, DEFAULT_SETTINGS);
    assert.equal(bytes.readUInt32LE(CONFIG.fields.lb4Address.offset), Number(macros.FL_LB4_ADDRESS_0));
    assert.equal(bytes.subarray(40, 44).join('.'), '20.1.1.1');
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
    const lbAddresses = ['1.0.0.1', '1.0.0.2', '1.0.0.3', '1.0.0.4', '1.0.0.5'];
    assert.equal(
      refusal(() => buildConfig(DEFAULT_SETTINGS, { ...FACTS, lbAddresses })),
      'FL_E_LIMIT 5 LB addresses: at most 4 | name one with --lb-address, or fewer devices',
    );
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
    const sizes = `262144 16384 65536 16381 ${REASONS.length}`;
    assert.equal(digest, createHash('sha256').update(`header\0${sizes}`).digest('hex').slice(0, 8));
  });

  it('stays the same for what is no part of the layout', () => {
    assert.equal(layoutDigest('header', { ...DEFAULT_SETTINGS, newFlowRate: 5, instance: 'x' } as typeof DEFAULT_SETTINGS), digest);
  });
});
