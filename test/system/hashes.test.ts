// Hashes of contents, on the kernel: computed while the caller waits, where a verdict needs them, and remembered for as long
// as a lease keeps the content as it is.
import { execFile, spawnSync } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import {
  closeSync,
  copyFileSync,
  mkdirSync,
  openSync,
  readFileSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { picket } from '../../src/events/proto/picket.js';
import { HASH_OF } from '../../src/rules/content-hashes.ts';
import { type Request, TestAgent } from '../bridge/test-agent.ts';
import { agentConfig, startAgent } from './harness/agent.ts';
import { socketOf, startBridge } from './harness/bridge.ts';
import { Cleanup } from './harness/cleanup.ts';
import { makeScratch, type Scratch } from './harness/scratch.ts';
import { waitFor } from './harness/wait.ts';

const { Event, EventKind, HashState, Verdict } = picket.v1;
const ALLOW = Verdict.VERDICT_ALLOW;
const DEFER = Verdict.VERDICT_DEFER;
const { file: OF_FILE, process: OF_PROCESS } = HASH_OF;

const cleanup = new Cleanup();
afterAll(() => cleanup.run());

const sha256 = (path: string): string => createHash('sha256').update(readFileSync(path)).digest('hex');
/** 'ran', or the error of execve. */
const run = (program: string): string => {
  const { error, status } = spawnSync(program);
  return error === undefined ? `ran ${status}` : ((error as NodeJS.ErrnoException).code ?? 'failed');
};

/** By another process than this one, which is the agent and never asked. */
function contentOf(path: string, program = '/bin/cat', args = [path]): Promise<string> {
  return new Promise((resolve) => {
    execFile(program, args, (error, stdout, stderr) => resolve(error === null ? stdout : stderr));
  });
}

async function errorOf(path: string): Promise<string> {
  const said = await contentOf(path, '/bin/head', ['-c', '0', path]);
  return said === '' ? 'none' : said.includes('not permitted') ? 'EPERM' : said;
}

/** Bytes behind an ELF file's end are none of the program's. */
function setTail(program: string, tail: string): void {
  const fd = openSync(program, 'r+');
  writeSync(fd, tail, readFileSync(program).length - tail.length);
  closeSync(fd);
}

test('a program out of 100,000 by its hash is denied, whatever its name; changed by a byte it runs; changed back it is denied', async () => {
  const scratch = makeScratch(cleanup, 'ext4');
  const program = scratch.program('tool');
  writeFileSync(program, 'tail', { flag: 'a' });
  const hashes = Array.from({ length: 99_999 }, () => randomBytes(32).toString('hex'));
  hashes.splice(50_000, 0, sha256(program).toUpperCase());
  const rules = join(scratch.folder, 'rules');
  mkdirSync(rules);
  writeFileSync(join(rules, 'unwanted.txt'), hashes.join('\n'));
  writeFileSync(
    join(rules, 'rules.yaml'),
    JSON.stringify({
      lists: { unwanted: { type: 'sha256', file: 'unwanted.txt' } },
      rules: [
        {
          name: 'unwanted-programs',
          on: ['auth.exec'],
          platforms: ['linux'],
          conditions: {
            all: [{ fact: 'process', path: '$.hash.sha256', operator: 'in', value: { list: 'unwanted' } }],
          },
          event: { type: 'deny' },
        },
      ],
    }),
  );
  await startBridge(cleanup, scratch);
  await startAgent(cleanup, agentConfig(scratch, { rules }));

  expect(run(program)).toBe('EPERM');
  expect(run(program)).toBe('EPERM');
  setTail(program, 'tall');
  expect(run(program)).toBe('ran 0');
  setTail(program, 'tail');
  expect(run(program)).toBe('EPERM');
  const other = scratch.program('other');
  expect(run(other)).toBe('ran 0');
  writeFileSync(other, readFileSync(program));
  expect(run(other)).toBe('EPERM');
});

describe('the bridge', () => {
  interface Asked {
    readonly agent: TestAgent;
    readonly scratch: Scratch;
    /** What was asked about the file, one request after another. */
    about(path: string): { file: picket.v1.IHash; process: picket.v1.IHash }[];
  }

  /** Asks for these hashes of whatever it is asked about, once, and allows. */
  let wanted = 0;
  /** Does not wait for them: they are for the audit. */
  let isReported = false;
  const lane = ({ id, epoch, event }: Request): picket.v1.IAuthVerdict => {
    const { file, process: actor } = Event.decode(event);
    const states = [
      (wanted & OF_FILE) === 0 ? undefined : file?.hash?.state,
      (wanted & OF_PROCESS) === 0 ? undefined : actor?.hash?.state,
    ];
    const isOpen = states.includes(HashState.HASH_STATE_PENDING);
    if (isOpen && isReported) return { id, epoch, verdict: ALLOW, report: true, hashes: wanted };
    return isOpen ? { id, epoch, verdict: DEFER, hashes: wanted } : { id, epoch, verdict: ALLOW };
  };

  async function start(maxWaitUs: number): Promise<Asked> {
    const scratch = makeScratch(cleanup, 'ext4');
    await startBridge(cleanup, scratch);
    const agent = new TestAgent(socketOf(scratch), { lane });
    cleanup.add(() => agent.kill());
    await agent.start({
      epoch: 1,
      guardedFilesystems: [{ path: Buffer.from(scratch.mount) }],
      subscriptions: [{ kind: EventKind.EVENT_KIND_AUTH, action: 'open', hashes: OF_FILE | OF_PROCESS }],
      actions: [{ action: 'open', maxWaitUs, defaultVerdict: Verdict.VERDICT_DENY }],
    } as unknown as picket.v1.IPolicy);
    return {
      agent,
      scratch,
      about: (path) =>
        agent.requests
          .map(({ event }) => Event.decode(event))
          .filter(({ file }) => Buffer.from(file?.path ?? []).toString() === path)
          .map(({ file, process: actor }) => ({ file: file?.hash ?? {}, process: actor?.hash ?? {} })),
    };
  }

  let asked: Asked;
  beforeAll(async () => {
    asked = await start(20_000_000);
  });
  beforeEach(() => {
    wanted = OF_FILE;
    isReported = false;
  });

  const hexOf = ({ sha256: bytes }: picket.v1.IHash): string => Buffer.from(bytes ?? []).toString('hex');
  const known = (path: string, isUnstable = false): unknown => ({
    state: HashState.HASH_STATE_KNOWN,
    hex: sha256(path),
    isUnstable,
  });
  const pending = { state: HashState.HASH_STATE_PENDING, hex: '', isUnstable: false };
  const seen = (hash: picket.v1.IHash): unknown => ({
    state: hash.state,
    hex: hexOf(hash),
    isUnstable: hash.unstable ?? false,
  });
  const files = (asked: Asked, path: string): unknown[] => asked.about(path).map(({ file }) => seen(file));

  async function figures({ agent }: Asked): Promise<Record<string, number>> {
    agent.statistics = undefined;
    const { hashes } = await waitFor('statistics', () => agent.statistics);
    const names = ['computed', 'remembered', 'unstable', 'absent', 'late'] as const;
    return Object.fromEntries(names.map((name) => [name, Number(hashes?.[name] ?? 0)]));
  }

  test('asks again with the hash, has it at once the next time, and anew once somebody has written', async () => {
    const path = asked.scratch.file('fresh', 'content');
    expect(await contentOf(path)).toBe('content');
    expect(files(asked, path)).toEqual([pending, known(path)]);
    expect(await contentOf(path)).toBe('content');
    expect(files(asked, path).slice(2)).toEqual([known(path)]);
    expect(await figures(asked)).toMatchObject({ computed: 1, remembered: 1, unstable: 0, late: 0 });

    writeFileSync(path, 'another');
    expect(await contentOf(path)).toBe('another');
    expect(files(asked, path).slice(3)).toEqual([pending, known(path)]);
    truncateSync(path, 3);
    expect(await contentOf(path)).toBe('ano');
    expect(files(asked, path).slice(5)).toEqual([pending, known(path)]);
  });

  test('hashes what is open for writing anew each time, and says that it is unstable', async () => {
    const path = asked.scratch.file('written', 'content');
    const writer = openSync(path, 'r+');
    for (const content of ['content', 'cxntent']) {
      writeSync(writer, content, 0);
      expect(await contentOf(path)).toBe(content);
      expect(files(asked, path).splice(-2)).toEqual([pending, known(path, true)]);
    }
    closeSync(writer);
    expect(await contentOf(path)).toBe('cxntent');
    expect(files(asked, path).slice(4)).toEqual([pending, known(path)]);
  });

  test('hashes the program that acts, by the file that it runs', async () => {
    wanted = OF_PROCESS;
    const path = asked.scratch.file('read', 'content');
    const program = join(asked.scratch.mount, 'cat');
    copyFileSync('/bin/cat', program);
    // A shell waits for the answers about the program itself; this process, which gives them, must not.
    const run = (): Promise<string> => contentOf(path, '/bin/sh', ['-c', 'exec "$0" "$1"', program, path]);
    const programs = (): unknown[] => asked.about(path).map((one) => seen(one.process));
    expect(await run()).toBe('content');
    expect(programs().at(-1)).toEqual(known(program));
    const before = programs().length;
    expect(await run()).toBe('content');
    expect(programs().slice(before)).toEqual([known(program)]);
    expect(files(asked, path)).toEqual(programs().map(() => pending));
  });

  test('says of what is too large that there is no hash, and does not wait for one', async () => {
    const path = asked.scratch.file('large');
    truncateSync(path, 600 * 1024 * 1024);
    expect(await contentOf(path, '/bin/head', ['-c', '5', path])).toBe('large');
    const none = (state: picket.v1.HashState): unknown[] => [{ state, hex: '', isUnstable: false }];
    expect(files(asked, path)).toEqual(none(HashState.HASH_STATE_TOO_LARGE));
  });

  test('answers at once where the hashes are for the audit alone, which has them', async () => {
    wanted = OF_FILE | OF_PROCESS;
    isReported = true;
    const path = asked.scratch.file('told', 'content');
    const program = join(asked.scratch.mount, 'cat');
    expect(await contentOf(path, '/bin/sh', ['-c', 'exec "$0" "$1"', program, path])).toBe('content');
    const audits = (): picket.v1.Event[] =>
      asked.agent.events.filter(({ file }) => Buffer.from(file?.path ?? []).toString() === path);
    await waitFor('the audit', () => audits().length > 0);
    expect(files(asked, path)).toEqual([pending]);
    expect(
      audits().map(({ file, process: actor }) => [seen(file?.hash ?? {}), seen(actor?.hash ?? {})]),
    ).toEqual([[known(path), known(program)]]);
    expect(audits()[0]?.auth).toMatchObject({ verdict: ALLOW, annotated: false });
  });

  test('gives the default where the budget is over first, and knows the hash the next time', async () => {
    asked = await start(50_000);
    const path = asked.scratch.file('large');
    truncateSync(path, 256 * 1024 * 1024);
    // An agent that gets no processor for so long is late by itself.
    await waitFor('a hash that is late', async () => {
      expect(await errorOf(path)).toBe('EPERM');
      return (await figures(asked)).late === 1;
    });
    await waitFor('it to be known', async () => (await errorOf(path)) === 'none');
    expect(files(asked, path).at(-1)).toEqual(known(path));
    expect((await figures(asked)).remembered).toBeGreaterThan(0);
  });
});
