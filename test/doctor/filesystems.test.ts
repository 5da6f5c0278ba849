import { describe, expect, test } from 'vitest';
import { judgeFilesystems, type ListedFilesystem, parseFilesystems } from '../../src/doctor/filesystems.ts';
import { judgeReport } from '../../src/doctor/running-bridge.ts';

const HOME: ListedFilesystem = {
  mountPoint: '/home',
  type: 'ext4',
  device: '8:1',
  answer: 'all',
  sentence: '',
};
const MERGED: ListedFilesystem = {
  mountPoint: '/merged',
  type: 'overlay',
  device: '0:40',
  answer: 'some',
  sentence: 'no names',
};
const SSH: ListedFilesystem = {
  mountPoint: '/ssh',
  type: 'fuse.sshfs',
  device: '0:41',
  answer: 'none',
  sentence: 'another process serves it',
};

function judged(filesystems: readonly string[], named: Record<string, string | undefined>) {
  return judgeFilesystems([HOME, MERGED, SSH], {
    isLocalGuarded: filesystems.includes('local'),
    named: new Map(Object.entries(named)),
  });
}

describe('each filesystem', () => {
  test('is told with its reason where nothing permits it or nothing can be done', () => {
    expect(judged([], {}).map(({ state, found }) => `${state} ${found}`)).toEqual([
      'ok /home (ext4) is not guarded: guard.filesystems does not name it',
      'ok /merged (overlay) is not guarded: guard.filesystems does not name it, but no names',
      "ok /ssh (fuse.sshfs) can't be guarded: another process serves it",
    ]);
  });

  test('that is asked for is well, or a warning with what it lacks and what to do', () => {
    const findings = judged([], { '/home/a': '8:1', '/merged': undefined, '/ssh': '0:41' });
    expect(findings.map(({ state, found }) => `${state} ${found}`)).toEqual([
      'ok /home (ext4) may be guarded',
      'warn /merged (overlay) may be guarded, but no names',
      'warn /ssh (fuse.sshfs) is not guarded: another process serves it',
    ]);
    expect(findings.filter(({ state }) => state === 'warn').every(({ mend }) => mend !== undefined)).toBe(
      true,
    );
  });

  test('is guarded without a name where all local ones are', () => {
    expect(judged(['local'], {}).map(({ found }) => found)).toContain('/home (ext4) may be guarded');
  });

  test('that is named and not mounted is a warning', () => {
    expect(judged([], { '/gone': undefined }).at(-1)).toMatchObject({
      state: 'warn',
      found: '/gone of guard.filesystems is on no mounted filesystem',
    });
  });
});

test("the bridge's list is read line by line; what is no line of it is passed over", () => {
  const text =
    '/home\text4\t8:1\tall\t\nnoise\n/ssh\tfuse.sshfs\t0:41\tnone\tanother process serves it\n/x\ty\t0:1\tmaybe\t?\n';
  expect(parseFilesystems(text)).toEqual([HOME, SSH]);
});

test('a bridge that does not enforce, or has no agent, is a warning', () => {
  const report = {
    reason: '',
    since: undefined,
    epoch: 3,
    guarded: ['/home (ext4)'],
    unguarded: [],
    note: '',
    outcomes: undefined,
  };
  const agent = { name: 'laptop', generation: 2 };
  expect(judgeReport({ ...report, state: 'on', agent }).map(({ state }) => state)).toEqual([
    'ok',
    'ok',
    'ok',
  ]);
  const findings = judgeReport({ ...report, state: 'off', reason: 'too slow', agent: undefined });
  expect(findings.map(({ state, found }) => `${state} ${found}`)).toEqual([
    'warn off: too slow; nothing is denied',
    'warn no agent is connected: static verdicts and defaults alone',
    'ok /home (ext4) is guarded',
  ]);
});
