import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pino, { type Logger } from 'pino';
import { Subject, type Subscription } from 'rxjs';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { defaultConfig } from '../../src/config/load.ts';
import { watchRuleFiles } from '../../src/config/rule-files.ts';
import { loadRevision, type RuleLoaderOptions, ruleReloads } from '../../src/config/rule-revisions.ts';
import { objectFacts } from '../../src/events/object-facts.ts';
import { RuleFileError } from '../../src/rules/rule-problem.ts';
import type { PolicyRevision } from '../../src/sources/policy-revision.ts';

let folder: string;
let file: string;
let lines: { level: string; msg: string; came?: string[]; went?: string[]; changed?: string[] }[];
let log: Logger;
let subscription: Subscription | undefined;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'picket-rules-'));
  file = join(folder, 'rules.yaml');
  lines = [];
  log = pino(
    { level: 'info', formatters: { level: (level) => ({ level }) } },
    { write: (line: string) => void lines.push(JSON.parse(line)) },
  );
  write('one', 'two');
});

afterEach(() => {
  subscription?.unsubscribe();
  rmSync(folder, { recursive: true, force: true });
});

function write(...names: string[]): void {
  writeFileSync(file, names.map(ruleText).join(''));
}

function ruleText(name: string): string {
  const [bare = name, value = '/tmp/x'] = name.split('=');
  return `
- name: ${bare}
  on: [notify.open]
  conditions: { all: [{ fact: file, path: $.path, operator: equal, value: ${value} }] }
  event: { type: forward }
`;
}

function loader(): RuleLoaderOptions {
  const config = defaultConfig();
  return { rules: { ...config.rules, paths: [folder], platform: 'linux' }, guard: config.guard, log };
}

const said = (text: string): boolean => lines.some(({ msg }) => msg.includes(text));

test('a rule that json-rules-engine can not evaluate counts as not matching, and the log says so once', async () => {
  const conditions =
    "{ all: [{ fact: file, path: '$[?(@.no.such.thing > 1)]', operator: exists, value: false }] }";
  writeFileSync(
    file,
    `- { name: throws, on: [notify.open], conditions: ${conditions}, event: { type: alert } }\n`,
  );
  const { rules } = await loadRevision(loader(), 1);
  const facts = objectFacts({ file: { path: '/tmp/x' } });
  for (let times = 0; times < 2; times++) {
    expect((await rules.decideAsync('notify.open', facts)).matched).toEqual([]);
  }
  expect(lines.filter(({ msg }) => msg.includes('could not evaluate throws'))).toHaveLength(1);
});

describe('a reload', () => {
  let seen: PolicyRevision[];
  let reload: Subject<void>;

  beforeEach(async () => {
    seen = [];
    reload = new Subject();
    const options = loader();
    subscription = ruleReloads(await loadRevision(options, 1), reload, options).subscribe((revision) =>
      seen.push(revision),
    );
  });

  test('brings a new epoch, and the log says which rules came, went and changed', async () => {
    write('two=/tmp/y', 'three');
    reload.next();
    await expect.poll(() => seen.length).toBe(1);
    expect(seen[0]?.epoch).toBe(2);
    expect(seen[0]?.ruleSet.rules.map(({ name }) => name)).toEqual(['two', 'three']);
    expect(lines.at(-1)).toMatchObject({ came: ['three'], went: ['one'], changed: ['two'] });
  });

  test('of a broken file leaves the running set in force and says where it is wrong', async () => {
    writeFileSync(
      file,
      '- name: one\n  on: [notify.open]\n  conditions: { all: [] }\n  event: { type: forwrad }\n',
    );
    reload.next();
    await expect.poll(() => said('the running set stays in force')).toBe(true);
    expect(lines.some(({ msg }) => msg.includes(`${file}:4:`))).toBe(true);
    expect(seen).toHaveLength(0);
    write('one', 'two', 'three');
    reload.next();
    await expect.poll(() => seen.length).toBe(1);
    expect(seen[0]?.epoch).toBe(2);
  });

  test('that changes nothing brings no epoch', async () => {
    reload.next();
    await expect.poll(() => said('nothing changed')).toBe(true);
    expect(seen).toHaveLength(0);
  });
});

describe('a shadow set', () => {
  let shadowFile: string;

  const withShadow = (): RuleLoaderOptions => {
    const options = loader();
    return { ...options, rules: { ...options.rules, paths: [file], shadow: [shadowFile] } };
  };
  const writeShadow = (path: string): void =>
    writeFileSync(
      shadowFile,
      `- { name: one, on: [auth.open], conditions: { all: [{ fact: file, path: $.path, operator: equal, value: ${path} }] }, event: { type: deny } }\n`,
    );

  beforeEach(() => {
    shadowFile = join(folder, 'shadow.yaml');
    writeShadow('/a');
  });

  test('comes with the rules: what it denies is asked about, and it enforces nothing', async () => {
    const { ruleSet, rules, shadow, policy, files } = await loadRevision(withShadow(), 1);
    expect(ruleSet.rules.map(({ name }) => name)).toEqual(['one', 'two']);
    const asked = objectFacts({ file: { path: '/a' } });
    expect(rules.decide('auth.open', asked).verdict).toBe('none');
    expect(shadow?.rules.decide('auth.open', asked).verdict).toBe('deny');
    expect(policy.subscriptions?.map(({ action }) => action)).toEqual(['open', 'open']);
    expect(policy.staticVerdicts).toEqual([]);
    const alone = { ...withShadow().rules, shadow: [] };
    expect(files.hash).not.toBe((await loadRevision({ ...withShadow(), rules: alone }, 1)).files.hash);
  });

  test('that changed alone is a new revision; one with an error is none', async () => {
    const seen: PolicyRevision[] = [];
    const reload = new Subject<void>();
    const options = withShadow();
    subscription = ruleReloads(await loadRevision(options, 1), reload, options).subscribe((revision) =>
      seen.push(revision),
    );
    writeShadow('/b');
    reload.next();
    await expect.poll(() => seen.length).toBe(1);
    expect(said('the shadow set was loaded again; changed: one')).toBe(true);
    const [{ shadow } = {} as PolicyRevision] = seen;
    const decided = shadow?.rules.decide('auth.open', objectFacts({ file: { path: '/b' } }));
    expect(decided?.verdict).toBe('deny');
    writeFileSync(shadowFile, '- name: one\n');
    reload.next();
    await expect.poll(() => said('the running set stays in force')).toBe(true);
    expect(seen).toHaveLength(1);
    await expect(loadRevision(options, 1)).rejects.toThrow(RuleFileError);
  });
});

test('rules that are wrong at the start are an error', async () => {
  writeFileSync(file, '- name: one\n');
  await expect(loadRevision(loader(), 1)).rejects.toThrow(RuleFileError);
});

test('a changed file in a watched folder, and one beside it, are seen', async () => {
  const outside = mkdtempSync(join(tmpdir(), 'picket-list-'));
  try {
    const list = join(outside, 'list.txt');
    writeFileSync(list, 'a\n');
    const watch = watchRuleFiles([folder], log);
    watch.add([list]);
    let changes = 0;
    subscription = watch.changes.subscribe(() => {
      changes++;
    });
    // Written until it is seen: a watcher needs a moment to begin.
    const changesAfter = (change: () => void): number => {
      change();
      return changes;
    };
    const changeRule = (): void => write('one', `n${Math.random()}`);
    await expect.poll(() => changesAfter(changeRule), { interval: 300 }).toBeGreaterThan(0);
    const before = changes;
    const changeList = (): void => writeFileSync(list, String(Math.random()));
    await expect.poll(() => changesAfter(changeList), { interval: 300 }).toBeGreaterThan(before);
  } finally {
    rmSync(outside, { recursive: true, force: true });
  }
});
