// `explain`: what the program would do with a packet of a flow, and why.
// Imports agent/model and its siblings.

import { FairleadError } from '../model/errors.js';
import type { ExplanationView, Outcome } from '../model/explanation.js';
import { formatEndpoint } from '../model/format.js';
import type { FlowTuple, FrameView } from '../model/frame.js';
import { parseQuicId } from '../model/parse.js';
import { buildQuestion, parseFlow, parsePacketBytes } from '../model/parse-flow.js';
import { REASONS } from '../model/reasons.js';
import { OUTPUT } from './flags.js';
import { wrapText } from './table.js';
import { defineVerb, optional, required } from './verb.js';

export const explain = defineVerb({
  words: 'explain',
  summary: "say what becomes of a flow's packet, and why",
  details:
    'For a flow that is there or might be: service, who may connect, affinity, flow entry or Maglev slot, backend, next hop, MTU, SNAT port, the way back. ' +
    'Then the very program that runs is run on such a packet, with the same entries in maps of its own: nothing is sent, counted or remembered. ' +
    'In a shell the arrow must be quoted; it may be left out everywhere. A packet from a backend to a SNAT port is explained too.',
  examples: [
    'explain 20.1.1.100:40000 -> 40.1.1.1:80 tcp',
    'explain 20.1.1.100:40000 40.1.1.1:80 --bytes=1500',
    'explain [2001:db8:20::100]:40000 [2001:db8:40::1]:53 udp -o json',
  ],
  flags: {
    bytes: optional({ name: 'bytes', placeholder: 'N', text: 'length of the IP packet; default: no payload', parse: parsePacketBytes }),
    quicId: optional({ name: 'quic-id', placeholder: 'HEX', text: "server id in the datagram's QUIC connection id", parse: parseQuicId }),
    output: OUTPUT,
  },
  argument: {
    ...required({
      name: 'flow',
      placeholder: 'CLIENT:PORT -> VIP:PORT [tcp|udp]',
      text: 'ends of the flow as the client has them; TCP unless named, also as VIP:PORT/udp',
      parse: parseFlow,
    }),
    variadic: true,
    noise: ['->'],
  },
  async run({ agent, out }, { argument, bytes, quicId, output }) {
    const view = await agent.explainFlow(buildQuestion(argument, bytes, quicId));
    await output.answer(out, { name: 'explanation', value: view, toText: (width) => formatExplanation(view, width) });
    if (view.proof.result !== 'differs') return;
    throw new FairleadError('FL_E_CONFLICT', `the program does otherwise than was said: ${view.proof.differences.join('; ')}`, {
      hint: 'did something change meanwhile? If it says so again, it is a defect: report it with this answer as -o json',
    });
  },
});

const NUMBER = 4;
const LABEL = 10;

function formatExplanation({ flow, packet, steps, outcome, proof }: ExplanationView, width: number): string {
  const block = (label: string, indent: number, text: string): string =>
    wrapText(text, width - indent)
      .map((part, index) => `${(index === 0 ? label : '').padEnd(indent)}${part}\n`)
      .join('');
  const head = block('', 0, `${arrow(flow)}/${flow.protocol}: its next packet, ${describePacket(packet)} in by ${packet.device}`);
  const lines = steps.map(({ step, text }, index) => block(`${String(index + 1).padStart(2)}. ${step}`, NUMBER + LABEL, text));
  const reason = REASONS.find(({ name }) => name === outcome.reason)?.text ?? '';
  const verdict = block('verdict', NUMBER + LABEL, `${describeOutcome(outcome)}: ${reason}`);
  return `${head}${lines.join('')}${verdict}${block('', 0, describeProof(proof))}`;
}

function describePacket({ kind, bytes }: ExplanationView['packet']): string {
  return `${kind === 'datagram' ? 'a datagram' : kind === 'SYN' ? 'a SYN' : 'an ACK'} of ${bytes} bytes`;
}

function describeProof({ result, digest, outcome, why }: ExplanationView['proof']): string {
  if (outcome === undefined) return `not proved: ${why ?? ''}`;
  const ran = `the program (digest ${digest.slice(0, 12)}) was run with this packet: ${describeOutcome(outcome)}`;
  if (result === 'proved') return `proved: ${ran}${outcome.frame === undefined ? '' : `, ${describeFrame(outcome.frame)}`}`;
  return `the program does otherwise: ${ran}${outcome.frame === undefined ? '' : `, ${describeFrame(outcome.frame)}`}`;
}

function describeOutcome({ verdict, reason }: Outcome): string {
  return `XDP_${verdict.toUpperCase()} (${reason})`;
}

function describeFrame(frame: FrameView): string {
  const inner = arrow(frame);
  const packet = frame.outer === undefined ? inner : `${frame.outer.source} -> ${frame.outer.destination} around ${inner}`;
  return `${packet}, to ${frame.destinationMac}, ${frame.bytes} bytes`;
}

function arrow({ source, sourcePort, destination, destinationPort }: FlowTuple): string {
  return `${formatEndpoint({ address: source, port: sourcePort })} -> ${formatEndpoint({ address: destination, port: destinationPort })}`;
}
