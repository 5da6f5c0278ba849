// Rules that change while programs wait for verdicts: by the kernel's own account and by the openers'.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { agentConfig, startAgent, writeRules } from './harness/agent.ts';
import { type RunningBridge, startBridge } from './harness/bridge.ts';
import { Cleanup } from './harness/cleanup.ts';
import { errorOfOpen, startOpener } from './harness/opener.ts';
import { contentOf, namesIn } from './harness/proc.ts';
import type { Running } from './harness/process.ts';
import { makeScratch, type Scratch } from './harness/scratch.ts';
import { waitFor } from './harness/wait.ts';

const BUDGET_US = 1_000_000;
/** What other work may take from whoever waits. A hang lasts for seconds. */
const GRACE_US = 1_000_000;

let cleanup: Cleanup;
let scratch: Scratch;
let bridge: RunningBridge;

beforeEach(async () => {
  cleanup = new Cleanup();
  scratch = makeScratch(cleanup);
  for (const name of ['always', 'one', 'two', 'allowed']) scratch.file(name);
  bridge = await startBridge(cleanup, scratch);
});

afterEach(() => cleanup.run());

/** Only the agent can decide by size. */
function deny(name: string): unknown {
  return {
    name: `deny-${name}`,
    on: ['auth.open'],
    conditions: {
      all: [
        { fact: 'file', path: '$.name', operator: 'equal', value: name },
        { fact: 'file', path: '$.size', operator: 'greaterThan', value: 0 },
      ],
    },
    event: { type: 'deny' },
  };
}

const notifyOnly = {
  name: 'see-opens',
  on: ['notify.open'],
  conditions: { all: [{ fact: 'file', path: '$.name', operator: 'equal', value: 'one' }] },
  event: { type: 'forward' },
};

const at = (name: string): string => join(scratch.mount, name);

function epoch(agent: Running): number {
  return Math.max(
    0,
    ...[...agent.stderr().matchAll(/policy (\d+) is in force/g)].map(([, text]) => Number(text)),
  );
}

/** Writes the rules and waits for the epoch that they become. */
async function change(agent: Running, rules: readonly unknown[], signal?: NodeJS.Signals): Promise<void> {
  const before = epoch(agent);
  writeRules(scratch, rules);
  if (signal !== undefined) agent.signal(signal);
  await waitFor(
    () => `an epoch above ${before}; the agent said ${agent.stderr().slice(-2000)}`,
    () => epoch(agent) > before,
  );
}

/** The marks of the bridge's group for permission events, as the kernel lists them; undefined: it has no such group. */
function permissionMarks(): string[] | undefined {
  const folder = `/proc/${bridge.guardPid()}/fdinfo`;
  const FAN_CLASS_CONTENT = 0x4;
  for (const fd of namesIn(folder)) {
    const text = contentOf(join(folder, fd));
    const flags = /^fanotify flags:([0-9a-f]+)/m.exec(text)?.[1];
    if (flags !== undefined && (Number.parseInt(flags, 16) & FAN_CLASS_CONTENT) !== 0)
      return [...text.matchAll(/^fanotify (?:ino|mnt_id|sdev):.*$/gm)].map(([line]) => line);
  }
  return undefined;
}

test('changed rules are in force for the next open, and no open meanwhile is answered by nobody', async () => {
  const agent = await startAgent(
    cleanup,
    agentConfig(scratch, {
      rules: writeRules(scratch, [deny('always'), deny('one')]),
      budgetMs: BUDGET_US / 1000,
    }),
  );
  const held = startOpener(cleanup, { paths: [at('always')], threads: 2, seconds: 60, pauseUs: 2_000 });
  const load = startOpener(cleanup, { paths: [at('allowed')], threads: 2, seconds: 60, pauseUs: 2_000 });
  expect([errorOfOpen(at('one')), errorOfOpen(at('two'))]).toEqual(['EPERM', 'none']);
  for (let round = 0; round < 4; round++) {
    const [denied, other] = round % 2 === 0 ? ['two', 'one'] : ['one', 'two'];
    await change(agent, [deny('always'), deny(denied)]);
    expect([errorOfOpen(at(denied)), errorOfOpen(at(other))]).toEqual(['EPERM', 'none']);
    await expect.poll(() => agent.stderr()).toContain(`came: deny-${denied}; went: deny-${other}`);
  }
  const denied = await held.stop();
  const allowed = await load.stop();
  expect(denied.denied, 'a deny that both sets give holds through every reload').toBe(denied.calls);
  expect(allowed.ok).toBe(allowed.calls);
  expect(Math.min(denied.calls, allowed.calls)).toBeGreaterThan(100);
  expect(Math.max(denied.longest_call_us, allowed.longest_call_us)).toBeLessThanOrEqual(BUDGET_US + GRACE_US);
  expect(bridge.stderr()).not.toContain('answered by a default');
});

test('a broken file leaves the running set in force, and the log names its place', async () => {
  const folder = writeRules(scratch, [deny('always')]);
  const agent = await startAgent(cleanup, agentConfig(scratch, { rules: folder }));
  const file = join(folder, 'rules.yaml');
  const lines = ['- name: broken', '  on: [auth.open]', '  conditions:', '    all:'];
  const wrong = '      - { fact: file, path: $.pth, operator: equal, value: x }';
  writeFileSync(file, [...lines, wrong, '  event: { type: deny }', ''].join('\n'));
  await waitFor('the refusal', () => agent.stderr().includes('the running set stays in force'));
  await expect.poll(() => agent.stderr()).toMatch(new RegExp(`${file}:${lines.length + 1}:\\d+: error`));
  expect([errorOfOpen(at('always')), errorOfOpen(at('one'))]).toEqual(['EPERM', 'none']);
  expect(epoch(agent)).toBe(1);
  // Mended, it is in force again without a restart.
  await change(agent, [deny('one')]);
  expect([errorOfOpen(at('always')), errorOfOpen(at('one'))]).toEqual(['none', 'EPERM']);
});

test('SIGHUP loads the rules where nobody watches the files', async () => {
  const agent = await startAgent(
    cleanup,
    agentConfig(scratch, {
      rules: writeRules(scratch, [deny('one')]),
      more: {
        rules: { paths: [join(scratch.folder, 'rules')], platform: 'linux', watch: false },
      },
    }),
  );
  writeRules(scratch, [deny('two')]);
  // Longer than a watched change takes to be noticed.
  await delay(1_000);
  expect([epoch(agent), errorOfOpen(at('one')), errorOfOpen(at('two'))]).toEqual([1, 'EPERM', 'none']);
  await change(agent, [deny('two')], 'SIGHUP');
  expect([errorOfOpen(at('one')), errorOfOpen(at('two'))]).toEqual(['none', 'EPERM']);
});

test('without a rule that denies nothing is marked for permission, and it is again when one comes back', async () => {
  const agent = await startAgent(
    cleanup,
    agentConfig(scratch, {
      rules: writeRules(scratch, [deny('one'), notifyOnly]),
      budgetMs: BUDGET_US / 1000,
    }),
  );
  expect(permissionMarks()).toHaveLength(1);
  const load = startOpener(cleanup, {
    paths: [at('one'), at('allowed')],
    threads: 2,
    seconds: 60,
    pauseUs: 2_000,
  });
  for (let round = 0; round < 2; round++) {
    await change(agent, [notifyOnly]);
    expect(permissionMarks()).toEqual([]);
    expect(errorOfOpen(at('one'))).toBe('none');
    await change(agent, [deny('one'), notifyOnly]);
    expect(permissionMarks()).toHaveLength(1);
    expect(errorOfOpen(at('one'))).toBe('EPERM');
  }
  const report = await load.stop();
  expect(report.other).toBe(0);
  expect(report.longest_call_us).toBeLessThanOrEqual(BUDGET_US + GRACE_US);
});
