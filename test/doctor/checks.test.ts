import { describe, expect, test } from 'vitest';
import { judgeCapabilities } from '../../src/doctor/capabilities.ts';
import { isOlder } from '../../src/doctor/kernel.ts';
import { compareVersions } from '../../src/doctor/nats-server.ts';
import { parseProbe } from '../../src/doctor/probe.ts';
import { isListening } from '../../src/doctor/socket.ts';
import { serviceOf, wordsOf } from '../system/harness/unit.ts';

const ALL = (1n << 41n) - 1n;
const SYS_ADMIN = 1n << 21n;
const SYS_NICE = 1n << 23n;

describe('capabilities', () => {
  test('all of them are well', () => {
    expect(judgeCapabilities(ALL)).toMatchObject([{ state: 'ok' }]);
  });

  test('without CAP_SYS_ADMIN the bridge cannot guard, and the finding names the option of a container', () => {
    const [finding] = judgeCapabilities(ALL & ~SYS_ADMIN);
    expect(finding).toMatchObject({ state: 'fail' });
    expect(finding?.mend).toContain('--cap-add SYS_ADMIN');
  });

  test('without CAP_SYS_NICE it works, but not fully', () => {
    expect(judgeCapabilities(ALL & ~SYS_NICE)).toMatchObject([{ state: 'warn' }]);
  });

  test('are those that the packaged unit gives the bridge', () => {
    const [finding] = judgeCapabilities(0n);
    const named = finding?.found.match(/CAP_\w+/g) ?? [];
    expect(named.toSorted()).toEqual(wordsOf(serviceOf('picket-bridge'), 'CapabilityBoundingSet').toSorted());
  });
});

describe('versions', () => {
  test('are compared by number, not by letter', () => {
    expect(isOlder('6.18.44-fc', '6.8')).toBe(false);
    expect(isOlder('5.10.0', '5.15')).toBe(true);
    expect(compareVersions('2.9.10', '2.9.9')).toBeGreaterThan(0);
    expect(compareVersions('2.10.0-beta.1', '2.9.10')).toBeGreaterThan(0);
    expect(compareVersions('2.9.10', '2.9.10')).toBe(0);
  });
});

describe("the bridge's tries", () => {
  test('are read line by line; other lines are passed over', () => {
    const probe = parseProbe('noise\npermission-events ok denied\nleases warn F_SETLEASE: no\n');
    expect([...(probe?.lines.keys() ?? [])]).toEqual(['permission-events', 'leases']);
    expect(probe?.lines.get('leases')).toMatchObject({ state: 'warn', found: 'F_SETLEASE: no' });
    expect(parseProbe('usage: picket-bridge\n')).toBeUndefined();
  });
});

describe('the listener', () => {
  const table = [
    'Num       RefCount Protocol Flags    Type St Inode Path',
    '0000: 00000002 00000000 00010000 0001 01 21 /run/picket/bridge.sock',
    '0000: 00000003 00000000 00000000 0001 03 22 /run/other.sock',
  ].join('\n');

  test('is whoever accepts connections at that path', () => {
    expect(isListening(table, '/run/picket/bridge.sock')).toBe(true);
    expect(isListening(table, '/run/other.sock')).toBe(false);
    expect(isListening(table, '/run/none.sock')).toBe(false);
  });
});
