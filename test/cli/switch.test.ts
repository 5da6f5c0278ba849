import { describe, expect, test } from 'vitest';
import { formatReport } from '../../src/cli/switch.ts';
import type { BridgeReport } from '../../src/control/ask-bridge.ts';

const report: BridgeReport = {
  state: 'on',
  reason: '',
  since: undefined,
  agent: { name: 'web-1', generation: 3 },
  epoch: 7,
  guarded: ['/usr'],
  unguarded: ['/mnt is not guarded: NFS'],
  note: '',
  outcomes: undefined,
};

describe('what a person reads of enforcement', () => {
  test('that it is on, by whom and over what', () => {
    expect(formatReport(report)).toBe(
      'enforcement is on\nRules are enforced.\nagent web-1, generation 3, policy 7\nguarded: /usr\n' +
        '/mnt is not guarded: NFS\n',
    );
  });

  test('that it is not, since when and why, how it comes back, and that it will not last', () => {
    const text = formatReport({
      ...report,
      state: 'off',
      reason: 'backups hang',
      since: new Date('2026-01-02T03:04:05Z'),
      agent: undefined,
      note: 'no --state-dir',
    });
    expect(text).toContain('enforcement is off since 2026-01-02T03:04:05.000Z: backups hang\n');
    expect(text).toContain('To enforce again: picket on\nno agent is connected\n');
    expect(text).toContain('note: no --state-dir\n');
  });

  test('nothing that a reason or a path holds moves the cursor', () => {
    const text = formatReport({ ...report, reason: 'a\u001b[2Jb', guarded: ['/x\ny'] });
    expect([...text].filter((c) => c < ' ' && c !== '\n')).toEqual([]);
    expect(text.trimEnd().split('\n')).toHaveLength(5);
  });
});
