// Rules that agents die of: recognised at a start, and not tried a third time.
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { agentConfig, nodeProgram, picketProgram, startAgent, writeRules } from './harness/agent.ts';
import { endOf } from './harness/books.ts';
import { startBridge } from './harness/bridge.ts';
import { Cleanup } from './harness/cleanup.ts';
import type { NatsServer } from './harness/nats.ts';
import { errorOfOpen } from './harness/opener.ts';
import { type Running, start } from './harness/process.ts';
import { makeScratch, type Scratch } from './harness/scratch.ts';
import { doubles, readStored, type StoredEvent, startStream, waitForStored } from './harness/stream.ts';
import { waitFor } from './harness/wait.ts';

let cleanup: Cleanup;
let scratch: Scratch;
let nats: NatsServer;
let one: string;
let two: string;

beforeEach(async () => {
  cleanup = new Cleanup();
  scratch = makeScratch(cleanup);
  one = scratch.file('one');
  two = scratch.file('two');
  await startBridge(cleanup, scratch);
  nats = await startStream(cleanup);
});

afterEach(() => cleanup.run());

/** `also`: further values, so many that an agent cannot hold them. */
function deny(name: string, also: readonly string[] = []): unknown {
  const path = { fact: 'file', path: '$.path', operator: 'in', value: [join(scratch.mount, name), ...also] };
  const size = { fact: 'file', path: '$.size', operator: 'greaterThan', value: 0 };
  return {
    name: `deny-${name}`,
    on: ['auth.open'],
    conditions: { all: [path, size] },
    event: { type: 'deny' },
  };
}

function configOf(rules: string, probationMs = 600_000): string {
  return agentConfig(scratch, {
    rules,
    nats: nats.url,
    more: {
      agent: { name: 'agent', group: 'test', drain_ms: 3_000, state_dir: join(scratch.folder, 'memory') },
      guard: { filesystems: [scratch.mount], probation_ms: probationMs },
    },
  });
}

/** Rules that deny `one`, which an agent has lived with for the time of probation. */
async function passOne(): Promise<string> {
  const rules = writeRules(scratch, [deny('one')]);
  const agent = await startAgent(cleanup, configOf(rules, 1_000));
  await waitFor('the end of probation', () => agent.stderr().includes('passed their probation'));
  await endOf(agent);
  return rules;
}

async function kill(agent: Running): Promise<void> {
  agent.signal('SIGKILL');
  expect(await agent.ended()).toBe('SIGKILL');
}

const ruleSets = (events: readonly StoredEvent[]): StoredEvent[] =>
  events.filter(({ trigger }) => trigger === 'picket.rule_set');

const denied = (): string[] => [one, two].filter((path) => errorOfOpen(path) === 'EPERM');

describe('rules that two agents died of', () => {
  test('are set aside for those that passed, told once, and tried again when they change', async () => {
    const rules = await passOne();
    writeRules(scratch, [deny('two')]);
    const config = configOf(rules);
    for (let life = 0; life < 2; life++) {
      const agent = await startAgent(cleanup, config);
      expect(denied()).toEqual([two]);
      await kill(agent);
    }
    const third = await startAgent(cleanup, config);
    expect(denied()).toEqual([one]);
    await expect.poll(() => third.stderr()).toContain('the rules are set aside');
    await expect.poll(() => third.stderr()).toContain(rules);
    const stored = await waitForStored(nats, 'the alert', ({ alerts }) => ruleSets(alerts).length > 0);
    expect(ruleSets(stored.alerts)[0]?.message.alerts).toMatchObject([
      { rule: 'picket-crashing-rules', severity: 'high' },
    ]);

    third.signal('SIGHUP');
    await waitFor('the refusal', () => third.stderr().includes('these files were set aside before'));
    expect(denied()).toEqual([one]);
    writeRules(scratch, [deny('two'), deny('one')]);
    await waitFor('changed rules', () => denied().length === 2);
    await endOf(third);
    const all = await readStored(nats);
    expect(ruleSets(all.events).map(({ message }) => message.ruleSet?.state)).toEqual(['set_aside']);
    expect(doubles(all.events)).toEqual([]);
  });

  test('are in shadow mode where none have passed before', async () => {
    const config = configOf(writeRules(scratch, [deny('two')]));
    for (let life = 0; life < 2; life++) await kill(await startAgent(cleanup, config));
    const third = await startAgent(cleanup, config);
    expect(denied()).toEqual([]);
    await endOf(third);
  });

  test('are not so for clean ends between, nor for an agent that another follows', async () => {
    const config = configOf(writeRules(scratch, [deny('two')]));
    for (let life = 0; life < 2; life++) {
      await endOf(await startAgent(cleanup, config));
      await kill(await startAgent(cleanup, config));
    }
    let agent = await startAgent(cleanup, config);
    for (let life = 0; life < 3; life++) {
      const follower = await startAgent(cleanup, config);
      expect(await agent.ended()).toBe(0);
      agent = follower;
    }
    expect(denied()).toEqual([two]);
    await endOf(agent);
  });
});

test('an agent that is ended while it starts has not died of its rules', async () => {
  const config = configOf(writeRules(scratch, [deny('two')]));
  const trial = join(scratch.folder, 'memory', 'rule-set-trial.json');
  for (let life = 0; life < 3; life++) {
    rmSync(trial, { force: true });
    const agent = await startAgent(cleanup, config, { wait: false });
    await waitFor('the trial', () => existsSync(trial));
    agent.signal('SIGTERM');
    expect(await agent.ended()).toBe(0);
    expect(JSON.parse(readFileSync(trial, 'utf8'))).toMatchObject({ crashes: 0, isOpen: false });
  }
});

describe('rules that no agent can hold in memory', () => {
  const heap = '--max-old-space-size=80';
  const limited = (config: string): Running =>
    start(cleanup, nodeProgram, [heap, picketProgram, 'run', '-c', config]);

  function writeTooMuch(rules: string): void {
    const values = Array.from({ length: 150_000 }, (_, index) => `/no/such/place/${index}`);
    writeFileSync(join(rules, 'rules.yaml'), JSON.stringify([deny('two', values)]));
  }

  async function dies(config: string): Promise<void> {
    const agent = limited(config);
    expect(await agent.ended(60_000), agent.stderr().slice(-500)).toBe('SIGABRT');
    await expect.poll(() => agent.stderr()).toContain('heap out of memory');
  }

  test('kill two, and the third runs with those that passed', async () => {
    const rules = await passOne();
    writeTooMuch(rules);
    const config = configOf(rules);
    for (let life = 0; life < 2; life++) await dies(config);
    const third = limited(config);
    await waitFor('the agent', () => /policy \d+ is in force/.test(third.stderr()));
    expect(denied()).toEqual([one]);
    await endOf(third);
  }, 180_000);

  test('kill four where none have passed, and the fifth lives without rules, to tell', async () => {
    const rules = writeRules(scratch, []);
    writeTooMuch(rules);
    const config = configOf(rules);
    for (let life = 0; life < 4; life++) await dies(config);
    const fifth = limited(config);
    await waitFor('the agent', () => /policy \d+ is in force/.test(fifth.stderr()));
    expect(denied()).toEqual([]);
    await expect.poll(() => fifth.stderr()).toContain('no rules at all');
    const stored = await waitForStored(nats, 'the alert', ({ alerts }) => ruleSets(alerts).length > 0);
    expect(ruleSets(stored.alerts)[0]?.message.ruleSet?.state).toBe('set_aside');
    await endOf(fifth);
  }, 240_000);
});
