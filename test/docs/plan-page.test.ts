// docs/rules-plan.md shows what `picket rules plan` says of the shipped rules.
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { outputOf, ROOT, readPage, unprinted } from './shown.ts';

const shown = /^```\n(linux: \d+ rules[\s\S]*?)^```/m.exec(readPage('docs/rules-plan.md'))?.[1] ?? '';

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

test('each line of the example is one of the plan', () => {
  // The first line's numbers change with every rule that comes.
  const [, ...lines] = shown.trimEnd().split('\n');
  expect(lines.length).toBeGreaterThan(20);
  const output = outputOf('rules plan rules/linux -c picket.yaml --mounts mountinfo', folder);
  expect(unprinted(lines, output)).toEqual([]);
});
