import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Ending, picketIn } from './picket-command.ts';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'picket-cli-sigma-'));
  mkdirSync(join(folder, 'in', 'deep'), { recursive: true });
  mkdirSync(join(folder, 'lists'));
  writeFileSync(join(folder, 'in', 'good.yml'), rule('Good', 'Image|endswith: /curl'));
  writeFileSync(join(folder, 'in', 'deep', 'good.yml'), rule('Deeper', 'User|expand: "%Admins%"'));
  writeFileSync(join(folder, 'bad.yml'), rule('Bad', 'IntegrityLevel: 0'));
  writeFileSync(join(folder, 'mapping.yaml'), MAPPING);
  writeFileSync(join(folder, 'wrong.yaml'), MAPPING.replace('fields', 'field'));
  writeFileSync(join(folder, 'lists', 'Admins.txt'), '# those who may\nalice\n\nsvc_*\n');
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const rule = (title: string, selection: string): string => `title: ${title}
id: ${title.toLowerCase().padEnd(8, '0')}
logsource: { product: linux, category: process_creation }
detection:
    selection:
        ${selection}
    condition: selection
`;

const MAPPING = `sources:
  - logsource: { product: linux, category: process_creation }
    on: [notify.exec]
    platforms: [linux]
    fields: { IntegrityLevel: { fact: process.session_leader.pid }, Who: process.user.name }
`;

const picket = (...args: string[]): Ending => picketIn(folder, 'rules', ...args);

const filesIn = (path: string): string[] =>
  readdirSync(join(folder, path), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.yaml'))
    .sort();

describe('picket rules import-sigma', () => {
  test('writes a file for each, in the folders of the originals, and says how many', () => {
    const result = picket('import-sigma', 'in', '--out', 'out', '--lists', 'lists');
    expect(result).toEqual({
      status: 0,
      stdout: '',
      stderr: '2 Sigma rules: 2 exact (100.0 %), 0 approximate (0.0 %), 0 refused (0.0 %); 2 files in out\n',
    });
    expect(filesIn('out')).toEqual(['deep/good.yaml', 'good.yaml']);
    const checked = picket('check', 'out');
    expect(checked.status).toBe(0);
    expect(checked.stderr).toBe('2 good rules in 2 files, 0 errors, 0 warnings\n');
    expect(picket('test', 'out').stderr).toBe('4 passed, 0 failed in 2 rules\n');
    expect(readFileSync(join(folder, 'out', 'deep', 'good.yaml'), 'utf8')).toContain('svc_');
  });

  test('refuses with the place, writes the rest, and ends with 1', () => {
    const { status, stdout, stderr } = picket(
      'import-sigma',
      'bad.yml',
      'in/good.yml',
      '--out',
      'mixed',
      '--report',
      'report.json',
    );
    expect(status).toBe(1);
    expect(stdout).toBe(
      'bad.yml:6:9: error[sigma-field]: no fact of notify.exec is `IntegrityLevel`; a mapping file may name one\n    found:    IntegrityLevel\n',
    );
    expect(stderr).toContain('1 exact (50.0 %), 0 approximate (0.0 %), 1 refused (50.0 %)');
    expect(filesIn('mixed')).toEqual(['good.yaml']);
    const report = JSON.parse(readFileSync(join(folder, 'report.json'), 'utf8'));
    expect(report.counts).toEqual({
      rules: 2,
      exact: 1,
      approximate: 0,
      refused: 1,
      skipped: 0,
      filters: 0,
      correlations: 0,
      refusedBy: { 'sigma-field': 1 },
    });
    expect(report.entries[1]).toMatchObject({ file: 'in/good.yml', rules: ['good-good0000'], tests: 2 });
  });

  test('takes fields from a mapping, and says where one is wrong', () => {
    writeFileSync(join(folder, 'who.yml'), rule('Who', 'Who: root'));
    expect(picket('import-sigma', 'who.yml', '--out', 'mapped', '--mapping', 'mapping.yaml').status).toBe(0);
    const { status, stderr } = picket(
      'import-sigma',
      'who.yml',
      '--out',
      'mapped',
      '--mapping',
      'wrong.yaml',
    );
    expect(status).toBe(2);
    expect(stderr).toContain(
      'wrong.yaml:5:5: error[unknown-key]: unknown key `field`; did you mean `fields`?',
    );
    // A fact that the trigger does not have there is the rule's refusal, with the reason.
    const absent = picket('import-sigma', 'bad.yml', '--out', 'mapped', '--mapping', 'mapping.yaml');
    expect(absent.stdout).toContain('process.session_leader.pid does not exist in notify.exec on linux');
  });

  test('leaves files alone that no import has made, and tells of those that are left over', () => {
    mkdirSync(join(folder, 'kept'));
    writeFileSync(join(folder, 'kept', 'good.yaml'), '# mine\n');
    const { status, stderr } = picket('import-sigma', 'in/good.yml', '--out', 'kept');
    expect(status).toBe(1);
    expect(stderr).toContain('kept/good.yaml was not made by an import: it is left as it is');
    expect(readFileSync(join(folder, 'kept', 'good.yaml'), 'utf8')).toBe('# mine\n');
    picket('import-sigma', 'in', '--out', 'stale', '--lists', 'lists');
    expect(picket('import-sigma', 'in/god.yml', '--out', 'stale').stderr).not.toContain('earlier import');
    const again = picket('import-sigma', 'in/good.yml', '--out', 'stale');
    expect(again.status).toBe(0);
    expect(again.stderr).toContain(
      '1 file of an earlier import is no longer among these rules and still there: stale/deep/good.yaml',
    );
  });

  test('writes nothing for another platform; the report may go to stdout', () => {
    const { status, stdout, stderr } = picket(
      'import-sigma',
      'in/good.yml',
      '--out',
      'mac',
      '--platform',
      'macos',
      '--json',
    );
    expect(status).toBe(0);
    expect(JSON.parse(stdout).entries[0].outcome).toEqual({
      kind: 'skipped',
      reason: 'it is for another platform',
    });
    expect(stderr).toContain('1 left out for status or platform; 0 files in mac');
    expect(filesIn('mac')).toEqual([]);
  });

  test.each([
    [['import-sigma', 'in'], 2, "required option '--out <dir>' not specified"],
    [['import-sigma', 'nowhere', '--out', 'none'], 3, '0 Sigma rules'],
    [['import-sigma', 'in', '--out', 'none', '--lists', 'nowhere'], 2, "the lists in nowhere can't be read"],
    [['import-sigma', 'in', '--out', 'bad.yml'], 2, "bad.yml can't be written to"],
  ])('ends as DESIGN says: %j', (args, code, words) => {
    const { status, stderr } = picket(...args);
    expect(stderr).toContain(words);
    expect(status).toBe(code);
  });
});
