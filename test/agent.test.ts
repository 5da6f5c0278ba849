// The assembled agent between a bridge that says what a test wants and a NATS that is not there.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Long from 'long';
import pino from 'pino';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type Agent, startAgent } from '../src/agent.ts';
import { parseConfig } from '../src/config/load.ts';
import { picket } from '../src/events/proto/picket.js';
import { encodedEvent } from './operators/event-fixtures.ts';
import { FakeBridge } from './sources/fake-bridge.ts';

let bridge: FakeBridge;
let folder: string;
let agent: Agent;
let lines: string[];

const rule = (name: string, type: string): string => `
- name: ${name}
  on: [notify.open]
  conditions: { all: [{ fact: file, path: $.path, operator: equal, value: /etc/hosts }] }
  event: { type: ${type} }
`;

beforeEach(async () => {
  bridge = new FakeBridge();
  await bridge.listen();
  folder = mkdtempSync(join(tmpdir(), 'picket-agent-'));
  lines = [];
  writeFileSync(join(folder, 'rules.yaml'), rule('one', 'alert') + rule('two', 'forward'));
  const config = parseConfig(
    `
agent: { name: a, drain_ms: 3600000 }
bridge: { socket: ${bridge.path}, retry_first_ms: 1, retry_max_ms: 2 }
rules: { paths: [${folder}], platform: linux, watch: false }
nats: { servers: ['127.0.0.1:1'] }
`,
    'picket.yaml',
  );
  const log = pino({ level: 'info' }, { write: (line: string) => void lines.push(JSON.parse(line).msg) });
  agent = await startAgent({ config, version: '0', log });
  agent.ended.catch(() => undefined);
});

afterEach(async () => {
  agent.stop();
  await bridge.close();
  rmSync(folder, { recursive: true, force: true });
});

const said = (text: string): Promise<void> =>
  expect.poll(() => lines.some((line) => line.includes(text)), { message: text }).toBe(true);

async function connected(): Promise<void> {
  await bridge.heard('hello');
  bridge.welcome();
  await bridge.heard('policy');
  bridge.send({ policyApplied: { epoch: Long.ONE } });
  await agent.guarding;
}

describe('an agent that another has replaced', () => {
  test('ends at once, whatever it could not deliver: the bridge gives that to the other', async () => {
    await connected();
    bridge.send({ events: { firstSequence: Long.ONE, events: [encodedEvent(1), encodedEvent(2)] } });
    await expect.poll(() => agent.ledger.alertLane.waiting + agent.ledger.events.waiting).toBe(4);
    bridge.send({ refused: { reason: 'another agent has taken over' } });
    const report = await agent.ended;
    expect(report).toMatchObject({ isTakenOver: true, undelivered: 4 });
    expect(report.ledger.check()).toEqual([]);
  });
});

describe('rules that the bridge refused', () => {
  test('are offered again by a reload, changed or not; others that are in force are not', async () => {
    await connected();
    agent.reload();
    await said('nothing changed');
    writeFileSync(join(folder, 'rules.yaml'), rule('one', 'alert'));
    agent.reload();
    await bridge.heard('policy', 2);
    bridge.send({ policyApplied: { epoch: Long.fromNumber(2), error: 'no such filesystem' } });
    await said('policy 2 is not in force');
    agent.reload();
    const policies = await bridge.heard('policy', 3);
    expect(policies.map(({ epoch }) => Number(epoch))).toEqual([1, 2, 3]);
  });
});

describe('a notice of the agent', () => {
  const deny = (name: string, path: string): string => `
- name: ${name}
  on: [auth.exec]
  conditions: { all: [{ fact: process, path: $.executable, operator: startsWith, value: ${path} }] }
  event: { type: deny }
`;

  const numbered = (bytes: Uint8Array, sequence: number): Uint8Array =>
    Buffer.concat([picket.v1.Event.encode({ sequence: Long.fromNumber(sequence) }).finish(), bytes]);

  test('is in the books once, however often connections broke before it came back', async () => {
    await connected();
    writeFileSync(join(folder, 'rules.yaml'), deny('all', '/'));
    agent.reload();
    await bridge.heard('policy', 2);
    bridge.send({ policyApplied: { epoch: Long.fromNumber(2) } });
    const denies = [1, 2, 3, 4, 5, 6].map((number) =>
      encodedEvent(number, {
        kind: picket.v1.EventKind.EVENT_KIND_AUTH,
        action: 'exec',
        executable: `/bin/${number}`,
        createdMs: Date.now(),
        auth: {
          verdict: picket.v1.Verdict.VERDICT_DENY,
          rule: 'all',
          epoch: Long.fromNumber(2),
          annotated: true,
        },
      }),
    );
    bridge.send({ events: { firstSequence: Long.ONE, events: denies } });
    await bridge.heard('policy', 3);
    const [first] = await bridge.heard('notice');
    bridge.hangUp();
    await bridge.heard('hello', 2);
    bridge.welcome();
    const policies = await bridge.heard('policy', 4);
    expect(policies.map(({ epoch }) => Number(epoch))).toEqual([1, 2, 3, 3]);
    bridge.send({ policyApplied: { epoch: Long.fromNumber(3) } });
    const [, second] = await bridge.heard('notice', 2);
    expect(second).toEqual(first);
    const back = [7, 8].map((sequence) => numbered(second?.event ?? new Uint8Array(), sequence));
    bridge.send({ events: { firstSequence: Long.fromNumber(7), events: back } });
    await expect.poll(() => agent.ledger.repeated).toBe(1);
    expect(agent.ledger).toMatchObject({ received: 7, alerts: 1 });
    expect(agent.ledger.check()).toEqual([]);
  });
});
