// What the tests of the bridge say over and over: recordings, policies, verdicts, a folder and an agent for each test.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach } from 'vitest';
import { picket } from '../../src/events/proto/picket.js';
import { Cleanup } from '../system/harness/cleanup.ts';
import { AUTH, NOTIFY, type Recorded, type ReplayBridge, startReplayBridge } from './replay-bridge.ts';
import { type AgentOptions, long, type Request, TestAgent, type VerdictOf } from './test-agent.ts';

export const ALLOW = 1;
export const DENY = 2;
export const DEFER = 3;
export const { AnswerLevel } = picket.v1;
export const bytes = (text: string): Buffer => Buffer.from(text);
export const text = (value: Uint8Array | null | undefined): string => Buffer.from(value ?? []).toString();

const subscriptions = [
  { kind: AUTH, action: 'exec' },
  { kind: AUTH, action: 'open' },
  { kind: NOTIFY, action: 'exec' },
  { kind: NOTIFY, action: 'open' },
];
/** Waits that no machine is too slow for, where a verdict is to come. */
const patient = [
  { action: 'open', defaultVerdict: ALLOW, maxWaitUs: 10_000_000 },
  { action: 'exec', defaultVerdict: ALLOW, maxWaitUs: 10_000_000 },
];
export const policy = (more: picket.v1.IPolicy = {}): picket.v1.IPolicy => ({
  epoch: long(1),
  subscriptions,
  actions: patient,
  ...more,
});
export const opens = (count: number, path = '/data/f'): Recorded[] =>
  Array.from({ length: count }, (_, i) => ({ kind: AUTH, action: 'open', path: `${path}${i}` }));
export const notes = (count: number): Recorded[] =>
  Array.from({ length: count }, (_, i) => ({ kind: NOTIFY, action: 'open', path: `/data/n${i}` }));
export const answer =
  (verdict: number, more: picket.v1.IAuthVerdict = {}): VerdictOf =>
  (request) => ({ id: request.id, epoch: request.epoch, verdict, ...more });
export const eventOf = (request: Request): picket.v1.Event => picket.v1.Event.decode(request.event);
export const audits = (agent: TestAgent): picket.v1.Event[] => agent.events.filter((event) => event.auth);
export const about = (agent: TestAgent, action: string): picket.v1.Event[] =>
  agent.events.filter((event) => event.action === action);
export const answered = (agent: TestAgent, level: number): number =>
  (agent.statistics?.answers ?? [])
    .filter((entry) => entry.level === level)
    .reduce((sum, entry) => sum + Number(entry.count), 0);

export interface Stage {
  folder(): string;
  bridge(events: readonly Recorded[], options?: readonly string[]): Promise<ReplayBridge>;
  /** Connected, welcomed, its policy in force. */
  agent(socket: string, options?: AgentOptions, sent?: picket.v1.IPolicy): Promise<TestAgent>;
  /** Connected, and nothing more. */
  stranger(socket: string): TestAgent;
}

/** Sets up a folder before each test and takes everything down after it. */
export function stage(): Stage {
  let cleanup = new Cleanup();
  let folder = '';
  beforeEach(() => {
    cleanup = new Cleanup();
    folder = mkdtempSync(join(tmpdir(), 'picket-bridge-'));
    cleanup.add(() => rmSync(folder, { recursive: true, force: true }));
  });
  afterEach(() => cleanup.run());
  const stranger = (socket: string, options: AgentOptions = {}): TestAgent => {
    const agent = new TestAgent(socket, options);
    cleanup.add(() => agent.kill());
    return agent;
  };
  return {
    folder: () => folder,
    bridge: (events, options = []) => startReplayBridge(cleanup, folder, events, options),
    agent: (socket, options = {}, sent = policy()) => stranger(socket, options).start(sent),
    stranger,
  };
}
