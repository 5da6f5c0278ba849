// One question of root's to the bridge itself: how enforcement is, or to switch it. It is no agent's connection: the
// bridge answers with or without one, and nothing changes for the agent that is there.
import { createConnection } from 'node:net';
import Long from 'long';
import { picket } from '../events/proto/picket.js';
import { type AuthOutcomes, authOutcomesOf } from '../observe/auth-outcomes.ts';
import { encodeFrame, FrameSplitter } from '../sources/frames.ts';
import { reasonOf } from '../system-error.ts';
import { lastResort } from './last-resort.ts';

export type ControlCommand = 'status' | 'off' | 'on';

export interface AskBridgeOptions {
  readonly socketPath: string;
  readonly command: ControlCommand;
  /** Told in the event and the log of a switch. */
  readonly reason?: string;
  readonly timeoutMs?: number;
}

export interface BridgeReport {
  readonly state: 'on' | 'off' | 'observing';
  /** Why it is not on, or who switched it on again; empty: as started. */
  readonly reason: string;
  /** Of the last switch; undefined: as started. */
  readonly since: Date | undefined;
  readonly agent: { readonly name: string; readonly generation: number } | undefined;
  /** Of the policy in force; 0: none. */
  readonly epoch: number;
  /** Mount points of the filesystems that are asked about. */
  readonly guarded: readonly string[];
  readonly unguarded: readonly string[];
  /** What else is to be known of a switch: that it does not outlive this bridge. */
  readonly note: string;
  /** What became of requests; undefined: the question was a switch. */
  readonly outcomes: AuthOutcomes | undefined;
}

/** Why there is no report; its message is a sentence for a person. */
export class BridgeControlError extends Error {
  readonly failure: 'unreachable' | 'silent' | 'refused';

  constructor(failure: BridgeControlError['failure'], message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'BridgeControlError';
    this.failure = failure;
  }
}

const TIMEOUT_MS = 5_000;
const MAX_FRAME_BYTES = 1024 * 1024;
const { COMMAND_STATUS, COMMAND_OFF, COMMAND_ON } = picket.v1.Control.Command;
const COMMANDS = { status: COMMAND_STATUS, off: COMMAND_OFF, on: COMMAND_ON };

/** Rejects with BridgeControlError where the bridge can't be reached, does not answer in time, or refuses. */
export async function askBridge(options: AskBridgeOptions): Promise<BridgeReport> {
  const { socketPath, timeoutMs = TIMEOUT_MS } = options;
  const reply = await answerOf(options, timeoutMs);
  if (reply === 'silent')
    throw new BridgeControlError(
      'silent',
      `the bridge at ${socketPath} does not answer within ${timeoutMs / 1000} s. ${await lastResort(socketPath)}`,
    );
  if (reply.refused)
    throw new BridgeControlError(
      'refused',
      `the bridge refuses: ${reply.refused.reason || 'no reason given'}`,
    );
  if (reply.controlReply?.error)
    throw new BridgeControlError('refused', `the bridge refuses: ${reply.controlReply.error}`);
  if (!reply.controlReply)
    throw new BridgeControlError(
      'refused',
      'the bridge answers something else than was asked: are both of one version?',
    );
  return reportOf(reply.controlReply);
}

function answerOf(options: AskBridgeOptions, timeoutMs: number): Promise<picket.v1.ToAgent | 'silent'> {
  const { socketPath, command, reason } = options;
  return new Promise((resolve, reject) => {
    const socket = createConnection(socketPath);
    const frames = new FrameSplitter(MAX_FRAME_BYTES);
    const timer = setTimeout(() => settle(() => resolve('silent')), timeoutMs);
    const settle = (how: () => void): void => {
      clearTimeout(timer);
      socket.destroy();
      how();
    };
    const fail = (cause: Error): void =>
      settle(() => reject(new BridgeControlError('unreachable', adviceFor(socketPath, cause), { cause })));
    socket.on('connect', () => {
      const control = { command: COMMANDS[command], reason: reason ?? '' };
      socket.write(encodeFrame(picket.v1.ToBridge.encode({ control }).finish()));
    });
    socket.on('data', (chunk: Buffer) => {
      try {
        const [frame] = frames.push(chunk);
        if (frame === undefined) return;
        const answer = picket.v1.ToAgent.decode(frame);
        settle(() => resolve(answer));
      } catch (error) {
        fail(error instanceof Error ? error : new Error(String(error)));
      }
    });
    socket.on('error', fail);
    socket.on('end', () => fail(new Error('it closed the connection without an answer')));
  });
}

function reportOf(reply: picket.v1.IControlReply): BridgeReport {
  const sinceNs = Long.fromValue(reply.sinceNs ?? 0);
  const state = reply.state === 'off' || reply.state === 'observing' ? reply.state : 'on';
  return {
    state,
    reason: reply.reason ?? '',
    since: sinceNs.isZero() ? undefined : new Date(Number(sinceNs.toUnsigned().toString()) / 1e6),
    agent: reply.agent ? { name: reply.agent, generation: Number(reply.generation ?? 0) } : undefined,
    epoch: Number(reply.epoch ?? 0),
    guarded: reply.guarded ?? [],
    unguarded: reply.unguarded ?? [],
    note: reply.note ?? '',
    outcomes: reply.statistics ? authOutcomesOf(reply.statistics) : undefined,
  };
}

function adviceFor(socketPath: string, cause: NodeJS.ErrnoException): string {
  switch (cause.code) {
    case 'ENOENT':
      return `there is no socket at ${socketPath}: no bridge runs here, or with another --socket`;
    case 'ECONNREFUSED':
      return `nobody listens at ${socketPath}: the bridge has ended, and nothing is enforced`;
    case 'EACCES':
    case 'EPERM':
      return `only root may ask the bridge at ${socketPath}: run this as root`;
    case 'EPIPE':
    case 'ECONNRESET':
      return `the bridge at ${socketPath} does not take this process, and its log says why: it is for root, in the bridge's own namespaces`;
    case 'EINVAL':
      return `${socketPath} is too long for a socket: a bridge takes 98 bytes at most, so none runs there`;
    default:
      return `the bridge at ${socketPath} gave no answer: ${reasonOf(cause)}`;
  }
}
