// docs/rules-plan.md shows what `picket rules plan` says of the shipped rules.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';

const ROOT = resolve(import.meta.dirname, '../..');
const page = readFileSync(join(ROOT, 'docs/rules-plan.md'), 'utf8');
const shown = /^```\n(linux: \d+ rules[\s\S]*?)^```/m.exec(page)?.[1] ?? '';

const MOUNTS = `27 1 254:0 / / rw - ext4 /dev/vda rw
28 27 254:1 / /home rw - xfs /dev/vdb rw
29 27 0:27 / /dev/shm rw - tmpfs tmpfs rw
30 27 0:30 / /mnt/team rw - nfs4 server:/x rw
`;

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'picket-plan-page-'));
  symlinkSync(join(ROOT, 'rules'), join(folder, 'rules'));
  writeFileSync(join(folder, 'picket.yaml'), 'guard: { filesystems: [/, /home] }\n');
  writeFileSync(join(folder, 'mountinfo'), MOUNTS);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** A line of the page as a pattern: the number of rules changes with every rule that comes, … is what was left out. */
function patternOf(line: string): RegExp {
  const text = line.replace(/^linux: \d+ rules, a policy of \d+ B$/, 'linux: … rules, a policy of … B');
  return new RegExp(`^${text.split('…').map(RegExp.escape).join('.*')}$`, 'm');
}

test('each line of the example is one of the plan', () => {
  const args = ['rules', 'plan', 'rules/linux', '-c', 'picket.yaml', '--mounts', 'mountinfo'];
  const options = { cwd: folder, encoding: 'utf8', timeout: 25_000 } as const;
  const { stdout } = spawnSync(process.execPath, [join(ROOT, 'src/cli/main.ts'), ...args], options);
  const lines = shown.split('\n').filter((line) => line.trim() !== '' && line.trim() !== '…');
  expect(lines.length).toBeGreaterThan(20);
  expect(lines.filter((line) => !patternOf(line).test(stdout))).toEqual([]);
});
