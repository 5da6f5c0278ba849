// Exceptions that expire while an agent runs: at their time, without a reload by hand, whatever the files are then.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pino from 'pino';
import { NEVER, Subject, type Subscription, VirtualTimeScheduler } from 'rxjs';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { exceptionExpiries } from '../../src/config/exception-expiries.ts';
import { defaultConfig } from '../../src/config/load.ts';
import { loadRevision, type RuleLoaderOptions, ruleReloads } from '../../src/config/rule-revisions.ts';
import { parseRules } from '../../src/rules/load.ts';
import type { PolicyRevision } from '../../src/sources/policy-revision.ts';
import { marbles } from '../operators/marbles.ts';

const RULE = `
- name: keys
  on: [auth.open]
  platforms: [linux]
  conditions: { all: [{ fact: file, path: $.path, operator: startsWith, value: /keys/ }] }
  event: { type: deny }
`;

const exceptionUntil = (...times: string[]): string =>
  `exceptions:\n${times
    .map(
      (time, index) =>
        `  - { rule: keys, name: e${index}, reason: r, expires: "${time}", conditions: { all: [{ fact: process, path: $.name, operator: equal, value: p${index} }] } }\n`,
    )
    .join('')}`;

/** Virtual time begins in 1970. */
const at = (ms: number): string => new Date(ms).toISOString();

const setOf = (...times: string[]) => ({
  ruleSet: parseRules(
    [
      { file: 'r.yaml', text: RULE },
      { file: 'e.yaml', text: exceptionUntil(...times) },
    ],
    { nowMs: 0 },
  ).ruleSet,
});

test('a signal comes at each expiry, and those of a set that was replaced come no more', () => {
  marbles<undefined>(
    () => 'x',
    ({ cold, expectObservable }) => {
      const sets = { a: setOf(at(20_000), at(200_000)), b: setOf(at(100_000)), c: setOf() };
      expectObservable(exceptionExpiries(cold('a', sets))).toBe('20s x 179999ms x', { x: 'x' });
      expectObservable(exceptionExpiries(cold('a 59999ms b 59999ms c', sets))).toBe('20s x 79999ms x', {
        x: 'x',
      });
    },
  );
});

describe('a running agent', () => {
  let folder: string;
  let scheduler: VirtualTimeScheduler;
  let seen: PolicyRevision[];
  let lines: string[];
  let subscription: Subscription | undefined;

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'picket-expiry-'));
    scheduler = new VirtualTimeScheduler();
    seen = [];
    lines = [];
    writeFileSync(join(folder, 'rules.yaml'), RULE);
    writeFileSync(join(folder, 'exceptions.yaml'), exceptionUntil(at(30_000)));
  });
  afterEach(() => {
    subscription?.unsubscribe();
    rmSync(folder, { recursive: true, force: true });
  });

  function loader(more: Partial<RuleLoaderOptions> = {}): RuleLoaderOptions {
    const config = defaultConfig();
    const log = pino({ level: 'info' }, { write: (line: string) => void lines.push(JSON.parse(line).msg) });
    return {
      rules: { ...config.rules, paths: [folder], platform: 'linux' },
      guard: config.guard,
      log,
      scheduler,
      ...more,
    };
  }

  const isExcepted = (revision: PolicyRevision | undefined): boolean => {
    const [rule] = revision?.ruleSet.rules ?? [];
    return rule !== undefined && rule.conditions !== rule.own;
  };
  /** Virtual time goes on to a moment. */
  const advanceTo = (ms: number): void => {
    scheduler.maxFrames = ms;
    scheduler.flush();
    scheduler.frame = ms;
  };

  test('drops an exception at its time, even while its files are wrong', async () => {
    const options = loader();
    const first = await loadRevision(options, 1);
    expect(isExcepted(first)).toBe(true);
    expect(first.policy.staticVerdicts).toEqual([]);
    subscription = ruleReloads(first, NEVER, options).subscribe((revision) => seen.push(revision));
    writeFileSync(join(folder, 'rules.yaml'), '- name: broken');
    advanceTo(29_999);
    expect(seen).toEqual([]);
    advanceTo(30_000);
    await expect.poll(() => seen.length).toBe(1);
    expect(seen[0]?.epoch).toBe(2);
    expect(isExcepted(seen[0])).toBe(false);
    expect(seen[0]?.policy.staticVerdicts).toHaveLength(1);
    expect(lines).toContain('the exception `e0` of keys has expired');
  });

  test('asks whoever may object, and lets the rules be where it does', async () => {
    const asked: unknown[] = [];
    const trials = {
      begin: async (files: unknown) => asked.push(files) > 1,
      withdraw: async () => undefined,
    };
    const options = loader({ trials });
    const first = await loadRevision(options, 1);
    subscription = ruleReloads(first, NEVER, options).subscribe((revision) => seen.push(revision));
    advanceTo(60_000);
    await expect.poll(() => asked.length).toBe(1);
    expect(asked[0]).toBe(first.files);
    expect(seen).toEqual([]);
  });

  test('that starts after the expiry never heeds it, and says so', async () => {
    scheduler.frame = 30_000;
    const first = await loadRevision(loader(), 1);
    expect(isExcepted(first)).toBe(false);
    expect(lines.some((line) => line.includes('warning[exception-expired]'))).toBe(true);
  });

  test('says of a reload that brings only exceptions or list values just that', async () => {
    const options = loader();
    const reload = new Subject<void>();
    const text = `lists: { x: { file: list.txt } }\nrules: [{ name: listed, on: [notify.open], conditions: { all: [{ fact: file, path: $.path, operator: in, value: { list: x } }] }, event: { type: alert } }]`;
    writeFileSync(join(folder, 'list.txt'), 'a');
    writeFileSync(join(folder, 'listed.yaml'), text);
    const first = await loadRevision(options, 1);
    subscription = ruleReloads(first, reload, options).subscribe((revision) => seen.push(revision));
    writeFileSync(join(folder, 'exceptions.yaml'), exceptionUntil(at(30_000), at(40_000)));
    reload.next();
    await expect.poll(() => seen.length).toBe(1);
    expect(lines.at(-1)).toBe('the rules were loaded again; exceptions changed of: keys');
    writeFileSync(join(folder, 'list.txt'), 'b');
    reload.next();
    await expect.poll(() => seen.length).toBe(2);
    expect(lines.at(-1)).toBe('the rules were loaded again; lists changed: x');
    expect(seen[1]?.ruleSet.lists.x).toEqual(['b']);
    expect(seen[1]).not.toMatchObject({ files: { hash: first.files.hash } });
  });

  test('keeps the running set when a list goes bad or vanishes', async () => {
    const options = loader();
    const reload = new Subject<void>();
    writeFileSync(join(folder, 'nets.txt'), '10.0.0.0/8');
    writeFileSync(join(folder, 'lists.yaml'), 'lists: { nets: { file: nets.txt, type: cidr } }');
    const first = await loadRevision(options, 1);
    subscription = ruleReloads(first, reload, options).subscribe((revision) => seen.push(revision));
    const refusals = (): number =>
      lines.filter((line) => line.includes('the running set stays in force')).length;
    writeFileSync(join(folder, 'nets.txt'), 'office');
    reload.next();
    await expect.poll(refusals).toBe(1);
    expect(lines.some((line) => line.startsWith(`${join(folder, 'nets.txt')}:1:1: error[list-value]`))).toBe(
      true,
    );
    rmSync(join(folder, 'nets.txt'));
    reload.next();
    await expect.poll(refusals).toBe(2);
    expect(seen).toEqual([]);
  });
});
