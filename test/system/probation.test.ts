// Rules that deny too much, on the real kernel: how far they get, what holds on, what is told.
import { spawnSync } from 'node:child_process';
import { chmodSync, copyFileSync, existsSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type AgentSettings, agentConfig, startAgent, writeRules } from './harness/agent.ts';
import { endOf } from './harness/books.ts';
import { startBridge } from './harness/bridge.ts';
import { Cleanup } from './harness/cleanup.ts';
import type { NatsServer } from './harness/nats.ts';
import type { Running } from './harness/process.ts';
import { makeScratch, type Scratch } from './harness/scratch.ts';
import { doubles, readStored, type StoredEvent, startStream, waitForStored } from './harness/stream.ts';
import { waitFor } from './harness/wait.ts';

const PROGRAMS = 12;
const MAX = 3;

let cleanup: Cleanup;
let scratch: Scratch;
let nats: NatsServer;
let tools: string[];
let old: string;

beforeEach(async () => {
  cleanup = new Cleanup();
  scratch = makeScratch(cleanup);
  old = scratch.program('old');
  tools = Array.from({ length: PROGRAMS }, (_, index) => scratch.program(`tool-${index}`));
  await startBridge(cleanup, scratch);
  nats = await startStream(cleanup);
});

afterEach(() => cleanup.run());

type Judge = 'the bridge' | 'the agent';

/** Denies programs of the scratch filesystem by the beginning of their names; by their size only the agent can. */
function denyRule(name: string, prefix: string, by: Judge): unknown {
  const path = { fact: 'file', path: '$.path', operator: 'startsWith', value: join(scratch.mount, prefix) };
  const size = { fact: 'file', path: '$.size', operator: 'greaterThan', value: 0 };
  return {
    name,
    on: ['auth.exec'],
    conditions: { all: by === 'the bridge' ? [path] : [path, size] },
    event: { type: 'deny' },
  };
}

function settings(rules: string, more: { readonly state?: boolean } = {}): AgentSettings {
  return {
    rules,
    nats: nats.url,
    more: {
      guard: { filesystems: [scratch.mount], probation_max_programs: MAX, probation_ms: 600_000 },
      ...(more.state ? { agent: agentKeys() } : {}),
    },
  };
}

const agentKeys = () => ({
  name: 'agent',
  group: 'test',
  drain_ms: 3_000,
  state_dir: join(scratch.folder, 'memory'),
});

const errorOfRun = (program: string, ...args: string[]): string => {
  const { error, status } = spawnSync(program, args);
  return error === undefined ? String(status) : ((error as NodeJS.ErrnoException).code ?? 'unknown');
};

async function reload(agent: Running, rules: readonly unknown[]): Promise<void> {
  const count = (): number => agent.stderr().match(/policy \d+ is in force/g)?.length ?? 0;
  const before = count();
  writeRules(scratch, rules);
  await waitFor('the next policy', () => count() > before);
}

/** Runs the programs one after another, each until it runs or all the others are denied, too. */
async function tryAll(): Promise<string[]> {
  const denied: string[] = [];
  for (const tool of tools) if (errorOfRun(tool) === 'EPERM') denied.push(tool);
  await waitFor('every program to run', () => tools.every((tool) => errorOfRun(tool) === '0'));
  return denied;
}

const ruleSets = (events: readonly StoredEvent[]): StoredEvent[] =>
  events.filter(({ trigger }) => trigger === 'picket.rule_set');

const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString('utf8');

describe.each<Judge>(['the bridge', 'the agent'])('a reload whose denies %s gives', (by) => {
  test('denies a few programs, then reports what it would deny; old denies hold, and it is told once', async () => {
    const rules = writeRules(scratch, [denyRule('deny-old', 'old', by)]);
    const agent = await startAgent(cleanup, agentConfig(scratch, settings(rules)));
    expect([errorOfRun(old), errorOfRun(tools[0] ?? '')]).toEqual(['EPERM', '0']);

    await reload(agent, [denyRule('deny-old', 'old', by), denyRule('deny-tools', 'tool-', by)]);
    const denied = await tryAll();
    expect(denied.length).toBeGreaterThan(MAX);
    expect(errorOfRun(old)).toBe('EPERM');
    await expect.poll(() => agent.stderr()).toContain('the new rules are in shadow mode');

    const last = tools.at(-1) ?? '';
    const isShadow = ({ path, message }: StoredEvent): boolean =>
      path === last && message.shadow.some(({ rule }) => rule === 'deny-tools');
    await waitForStored(nats, 'what would be denied', ({ events }) => events.some(isShadow));
    const books = await endOf(agent);
    const stored = await readStored(nats);
    const [told, ...more] = ruleSets(stored.events);
    expect(more).toEqual([]);
    expect(told?.message.ruleSet).toMatchObject({ state: 'shadowed', rules: ['deny-tools'] });
    const programs = told?.message.ruleSet?.programs?.map(text) ?? [];
    expect(programs).toHaveLength(MAX + 1);
    for (const program of programs) expect(tools).toContain(program);
    expect(ruleSets(stored.alerts).map(({ message }) => message.alerts)).toMatchObject([
      [{ rule: 'picket-probation', severity: 'high' }],
    ]);
    expect(doubles(stored.events)).toEqual([]);
    expect(stored.events).toHaveLength(books.of('forwarded'));
    expect(stored.alerts).toHaveLength(books.of('alerts (copies)'));
  });
});

describe('a reload', () => {
  test('may deny what the rules before denied, under whatever name', async () => {
    const rules = writeRules(scratch, [denyRule('deny-tools', 'tool-', 'the agent')]);
    const agent = await startAgent(cleanup, agentConfig(scratch, settings(rules)));
    await reload(agent, [denyRule('deny-all', '', 'the bridge')]);
    for (const tool of tools) expect(errorOfRun(tool)).toBe('EPERM');
    const all = await waitForStored(nats, 'every deny', ({ events }) =>
      tools.every((tool) =>
        events.some(({ path, message }) => path === tool && message.auth?.rule === 'deny-all'),
      ),
    );
    expect(ruleSets(all.events)).toEqual([]);
    expect(errorOfRun(tools[0] ?? '')).toBe('EPERM');
  });

  test('that follows is enforced again, against the last good rules', async () => {
    const rules = writeRules(scratch, [denyRule('deny-old', 'old', 'the bridge')]);
    const agent = await startAgent(cleanup, agentConfig(scratch, settings(rules)));
    await reload(agent, [denyRule('deny-all', '', 'the bridge')]);
    await tryAll();
    expect(errorOfRun(old), 'both sets deny it, by rules of different names').toBe('EPERM');
    await reload(agent, [
      denyRule('deny-old', 'old', 'the bridge'),
      denyRule('deny-one', 'tool-1', 'the bridge'),
    ]);
    // The policy that reload() saw come into force may still be that of the fall-back.
    await waitFor('the new rules to be in force', () => errorOfRun(tools[1] ?? '') === 'EPERM');
    expect([errorOfRun(old), errorOfRun(tools[2] ?? '')]).toEqual(['EPERM', '0']);
    // tool-1, tool-10 and tool-11 are as many as may be.
    expect([errorOfRun(tools[10] ?? ''), errorOfRun(tools[11] ?? '')]).toEqual(['EPERM', 'EPERM']);
    await endOf(agent);
    expect(agent.stderr().match(/the new rules are in shadow mode/g)).toHaveLength(1);
  });

  test('is judged by who opens, where it denies opens', async () => {
    const secret = scratch.file('secret');
    const readers = Array.from({ length: MAX + 2 }, (_, index) => {
      const reader = join(scratch.mount, `reader-${index}`);
      copyFileSync('/bin/cat', reader);
      chmodSync(reader, 0o755);
      return reader;
    });
    const denySecret = {
      name: 'deny-secret',
      on: ['auth.open'],
      conditions: { all: [{ fact: 'file', path: '$.path', operator: 'equal', value: secret }] },
      event: { type: 'deny' },
    };
    const rules = writeRules(scratch, [denyRule('deny-old', 'old', 'the bridge')]);
    const agent = await startAgent(cleanup, agentConfig(scratch, settings(rules)));
    await reload(agent, [denyRule('deny-old', 'old', 'the bridge'), denySecret]);
    for (let round = 0; round < 20; round++) expect(errorOfRun(readers[0] ?? '', secret)).toBe('1');
    for (const reader of readers.slice(1)) errorOfRun(reader, secret);
    await waitFor('the secret to be readable', () => errorOfRun(readers[0] ?? '', secret) === '0');
    const stored = await waitForStored(nats, 'the notice', ({ events }) => ruleSets(events).length > 0);
    const [told] = ruleSets(stored.events);
    expect(told?.message.ruleSet?.programs?.map(text).sort()).toEqual(readers.slice(0, MAX + 1));
  });
});

describe('an agent with a memory', () => {
  test('has its first rules on probation too, and brings back in shadow mode what denied too much', async () => {
    const rules = writeRules(scratch, [denyRule('deny-tools', 'tool-', 'the bridge')]);
    const config = agentConfig(scratch, settings(rules, { state: true }));
    const first = await startAgent(cleanup, config);
    await tryAll();
    await endOf(first);
    const second = await startAgent(cleanup, config);
    expect(tools.map((tool) => errorOfRun(tool))).toEqual(tools.map(() => '0'));
    await endOf(second);
    await expect
      .poll(() => second.stderr())
      .toContain('these rules denied too many programs in an earlier run');
    const stored = await readStored(nats);
    expect(ruleSets(stored.events).map(({ message }) => message.ruleSet?.state)).toEqual([
      'shadowed',
      'shadowed',
    ]);
    expect(doubles(stored.events)).toEqual([]);
  });

  test('takes rules that have passed as they are', async () => {
    const rules = writeRules(scratch, [denyRule('deny-tools', 'tool-', 'the bridge')]);
    const { more, ...common } = settings(rules, { state: true });
    const guard = { filesystems: [scratch.mount], probation_max_programs: MAX, probation_ms: 1_000 };
    const config = agentConfig(scratch, { ...common, more: { ...more, guard } });
    const first = await startAgent(cleanup, config);
    await waitFor('the end of probation', () => first.stderr().includes('passed their probation'));
    await endOf(first);
    expect(existsSync(join(scratch.folder, 'memory', 'rule-set-trial.json'))).toBe(false);
    const second = await startAgent(cleanup, agentConfig(scratch, settings(rules, { state: true })));
    for (const tool of tools) expect(errorOfRun(tool)).toBe('EPERM');
    const all = await waitForStored(nats, 'every deny', ({ events }) =>
      tools.every((tool) => events.some(({ path }) => path === tool)),
    );
    expect(ruleSets(all.events)).toEqual([]);
    await endOf(second);
  });
});
