import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { RuleSetMemory } from '../../src/probation/rule-set-memory.ts';
import type { Trial } from '../../src/probation/trial.ts';
import { TrialStore } from '../../src/probation/trial-store.ts';

let root: string;
let folder: string;
let problems: string[];

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'picket-memory-'));
  folder = join(root, 'memory');
  problems = [];
});

afterEach(() => rmSync(root, { recursive: true, force: true }));

const open = (at = folder): TrialStore => new TrialStore(at, (_, file) => problems.push(file));

const trial: Trial = {
  hash: 'h',
  version: '1',
  state: 'trying',
  crashes: 1,
  isOpen: true,
  run: { pid: 7, startedMs: 9 },
};

describe('what is known of rule sets', () => {
  test('is read as it was written, and nothing else is left in the folder', async () => {
    const texts = [
      { file: '/r/a.yaml', text: '- name: é\n' },
      { file: '/r/list.txt', text: 'a\n', isList: true },
    ];
    const store = open();
    await store.writeTrial(trial);
    await store.writeTrusted({ hash: 'g', passed: '2026-01-01T00:00:00.000Z', texts });
    expect(await open().readTrial()).toEqual(trial);
    expect((await open().readTrusted())?.texts).toEqual(texts);
    expect(readdirSync(folder).sort()).toEqual(['rule-set-trial.json', 'rule-set-trusted.json']);
    await store.writeTrial(undefined);
    expect(await open().readTrial()).toBeUndefined();
    expect(problems).toEqual([]);
  });

  test('that cannot be read is told, and the agent is not kept from anything', async () => {
    await open().writeTrial(trial);
    writeFileSync(join(folder, 'rule-set-trial.json'), '{"hash":"h"');
    const store = open();
    expect(await store.readTrial()).toBeUndefined();
    expect(problems).toEqual([join(folder, 'rule-set-trial.json')]);
    expect(store.hasFailed).toBe(true);
    await store.writeTrial(trial);
    expect(await store.readTrial()).toEqual(trial);
  });

  test('that cannot be written is told, too', async () => {
    writeFileSync(folder, 'a file where the folder should be');
    const store = open();
    await store.writeTrial(trial);
    expect(store.hasFailed).toBe(true);
    expect(problems).toHaveLength(1);
  });
});

describe('a memory', () => {
  const hashes = (): Promise<(string | undefined)[]> =>
    Promise.all([open().readTrial(), open().readTrusted()]).then((both) => both.map((one) => one?.hash));

  test('has a trial on disk before its set is parsed, and back what was before when it comes to nothing', async () => {
    const memory = await RuleSetMemory.open(open(), '1');
    expect(await memory.begin('a')).toBe('trying');
    expect(await hashes()).toEqual(['a', undefined]);
    await memory.begin('b');
    expect(await hashes()).toEqual(['b', undefined]);
    await memory.withdraw();
    expect(await hashes()).toEqual(['a', undefined]);
  });

  test('passes one set while the next is on trial, and does not bring it back', async () => {
    const memory = await RuleSetMemory.open(open(), '1');
    await memory.begin('a');
    await memory.begin('b');
    await memory.pass('a', []);
    expect(await hashes()).toEqual(['b', 'a']);
    await memory.withdraw();
    expect(await hashes()).toEqual([undefined, 'a']);
  });

  test('that closes while a set passes leaves no trial behind', async () => {
    const memory = await RuleSetMemory.open(open(), '1');
    await memory.begin('a');
    await Promise.all([memory.pass('a', []), memory.close()]);
    expect(await hashes()).toEqual([undefined, 'a']);
  });

  test('that closes leaves the trial of an agent that has followed', async () => {
    const memory = await RuleSetMemory.open(open(), '1');
    await memory.begin('a');
    await open().writeTrial({
      ...trial,
      hash: 'a',
      isOpen: true,
      run: { pid: process.ppid, startedMs: Date.now() },
    });
    await memory.close();
    expect((await open().readTrial())?.isOpen).toBe(true);
    await open().writeTrial(undefined);
    await memory.begin('a');
    await memory.close();
    expect((await open().readTrial())?.isOpen).toBe(false);
  });

  test('takes a run that goes on for one that has not died, and one of before this boot for dead', async () => {
    const began = async (run: Trial['run']): Promise<number | undefined> => {
      await open().writeTrial({ ...trial, hash: 'a', crashes: 0, run });
      await (await RuleSetMemory.open(open(), '1')).begin('a');
      return (await open().readTrial())?.crashes;
    };
    expect(await began({ pid: process.ppid, startedMs: Date.now() })).toBe(0);
    expect(await began({ pid: process.ppid, startedMs: 1 })).toBe(1);
    expect(await began({ pid: process.pid, startedMs: Date.now() - 1 })).toBe(1);
    expect(await began({ pid: 2 ** 22 + 1, startedMs: Date.now() })).toBe(1);
  });
});
