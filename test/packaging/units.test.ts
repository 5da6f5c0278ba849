// The packaged units: what the bridge's check of its peers, and its view of the machine's mounts, do not survive. systemd
// itself is asked where it is installed; test/system/peers.test.ts runs bridge and agent with the rights that stand here.
import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { packaging, serviceOf, wordsOf } from '../system/harness/unit.ts';

/** Each gives a service a mount, user or pid namespace of its own (systemd.exec(5)). */
const OWN_NAMESPACE =
  /^(?:Private(?:Tmp|Devices|Mounts|Users|IPC|PIDs|Network)|Protect(?:System|Home|Proc|KernelTunables|KernelModules|KernelLogs|ControlGroups)|ProcSubset|LogNamespace|Root(?:Directory|Image|Hash|Verity)|(?:ReadWrite|ReadOnly|Inaccessible|Exec|NoExec)Paths|Bind(?:ReadOnly)?Paths|TemporaryFileSystem|Mount(?:Flags|Images|APIVFS)|Extension(?:Images|Directories)|DynamicUser|(?:Network|IPC)NamespacePath)$/;
const names = ['picket-bridge', 'picket-agent'];

const hasProgram = (program: string): boolean => spawnSync(program, ['--version']).status === 0;

describe.each(names)('%s.service', (name) => {
  const service = serviceOf(name);

  test('has no namespace of its own', () => {
    expect([...service.keys()].filter((key) => OWN_NAMESPACE.test(key))).toEqual([]);
  });

  test('is started again, and leaves no core', () => {
    expect([service.get('Restart'), service.get('LimitCORE'), service.get('NoNewPrivileges')]).toEqual([
      ['always'],
      ['0'],
      ['yes'],
    ]);
  });

  test.skipIf(!hasProgram('systemd-analyze'))('is right, says systemd (needs systemd-analyze)', () => {
    const folder = mkdtempSync(join(tmpdir(), 'picket-units-'));
    try {
      // As installed: the programs have to be there.
      const text = readFileSync(join(packaging, 'systemd', `${name}.service`), 'utf8');
      const unit = join(folder, `${name}.service`);
      writeFileSync(unit, text.replace(/^ExecStart=\S+/m, 'ExecStart=/bin/true'));
      const { status, stderr } = spawnSync('systemd-analyze', ['verify', '--man=no', unit], {
        encoding: 'utf8',
      });
      expect(stderr.split('\n').filter((line) => line.includes(name))).toEqual([]);
      expect(status).toBe(0);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});

test('the agent runs as the user that the bridge lets in and that sysusers makes', () => {
  const user = wordsOf(serviceOf('picket-agent'), 'User')[0];
  const command = wordsOf(serviceOf('picket-bridge'), 'ExecStart');
  expect(command[command.indexOf('--agent-uid') + 1]).toBe(user);
  expect(command[command.indexOf('--agent-gid') + 1]).toBe(wordsOf(serviceOf('picket-agent'), 'Group')[0]);
  expect(readFileSync(join(packaging, 'sysusers.d', 'picket.conf'), 'utf8')).toMatch(
    new RegExp(`^u ${user} - `, 'm'),
  );
  expect(readFileSync(join(packaging, 'tmpfiles.d', 'picket.conf'), 'utf8')).toMatch(
    new RegExp(`^d /run/picket 0710 root ${user} `, 'm'),
  );
});

test('the agent holds one right, which closes its process to others of its user', () => {
  const agent = serviceOf('picket-agent');
  expect(wordsOf(agent, 'AmbientCapabilities')).toHaveLength(1);
  expect(wordsOf(agent, 'CapabilityBoundingSet')).toEqual(wordsOf(agent, 'AmbientCapabilities'));
});

test.skipIf(!hasProgram('systemd-sysusers'))('sysusers makes the user (needs systemd-sysusers)', () => {
  const root = mkdtempSync(join(tmpdir(), 'picket-root-'));
  try {
    cpSync(join(packaging, 'sysusers.d'), join(root, 'usr/lib/sysusers.d'), { recursive: true });
    mkdirSync(join(root, 'etc'));
    const { status, stderr } = spawnSync('systemd-sysusers', [`--root=${root}`], { encoding: 'utf8' });
    expect(status, stderr).toBe(0);
    expect(readFileSync(join(root, 'etc/passwd'), 'utf8')).toMatch(
      /^picket:x:\d+:\d+:Picket agent:\/:.*nologin$/m,
    );
  } finally {
    rmSync(root, { recursive: true });
  }
});
