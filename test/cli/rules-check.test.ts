// What `picket rules check` prints in each format, and how it ends.
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { FINDING_CODES } from '../../src/rules/finding-codes.ts';
import { type Ending, MAIN, picketIn } from './picket-command.ts';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'picket-cli-check-'));
  mkdirSync(join(folder, 'a folder'));
  writeFileSync(join(folder, 'untested.yaml'), UNTESTED);
  writeFileSync(join(folder, 'a folder', 'wrong 100%.yaml'), WRONG);
  symlinkSync('circle.yaml', join(folder, 'circle.yaml'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const UNTESTED = `- name: from-tmp
  on: [auth.exec]
  platforms: [linux]
  tags: [attack.t1059.004, attack.execution]
  conditions: { all: [{ fact: file, path: $.path, operator: startsWith, value: /tmp/ }] }
  event: { type: deny }
`;
const WRONG = `- name: named-x
  on: [notify.exec]
  severty: high
  conditions: { all: [{ fact: process, path: $.name, operator: startswith, value: x }] } # in haste
  event: { type: alert }
`;
const WRONG_FILE = 'a folder/wrong 100%.yaml';

const picket = (...args: string[]): Ending => picketIn(folder, 'rules', ...args);

describe('as text', () => {
  test('shows the line with the word in question marked, sums up by code, and offers to mend', () => {
    const { status, stdout, stderr } = picket('check', WRONG_FILE);
    expect(status).toBe(1);
    expect(stdout).toContain(
      `${WRONG_FILE}:3:3: error[unknown-key]: unknown key \`severty\`; did you mean \`severity\`?
  3 | severty: high
    | ^^^^^^^
    found:    \`severty\`
`,
    );
    expect(stdout).toContain(
      `  4 | conditions: { all: [{ fact: process, path: $.name, operator: startswith, value: x }] } # in haste
    |                                                              ^^^^^^^^^^
`,
    );
    expect(stderr).toBe(
      `     1 unknown-key
     1 unknown-operator
0 good rules in 1 file, 2 errors, 0 warnings
2 findings can be mended by --fix
picket rules check --explain unknown-key says more about a finding
`,
    );
  });

  test('keeps notes for those who ask', () => {
    expect(picket('check', 'untested.yaml').stderr).toContain('1 warning, 1 note (--notes shows them)');
    expect(picket('check', '--notes', 'untested.yaml').stdout).toContain(
      'note[uncached-auth]: from-tmp reads file.path',
    );
  });
});

describe('ends', () => {
  test.each([
    ['with 1 if warnings are too many', 1, ['--strict', 'untested.yaml']],
    ['well within the limit', 0, ['--max-warnings', '1', 'untested.yaml']],
    ['with 2 if the limit is no number', 2, ['--max-warnings', 'few', 'untested.yaml']],
    ['with 3 if a file can not be read', 3, ['circle.yaml', 'untested.yaml']],
    ['with 2 if two formats are asked for', 2, ['--json', '--format', 'sarif', 'untested.yaml']],
    ['with 2 if stdout is asked for twice', 2, ['--json', '--navigator', '-', 'untested.yaml']],
  ])('%s', (_, status, args) => {
    expect(picket('check', ...args).status).toBe(status);
  });
});

test('a test file beside the rules counts as their tests, and is no rule file', () => {
  mkdirSync(join(folder, 'tested', 'tests'), { recursive: true });
  writeFileSync(join(folder, 'tested', 'r.yaml'), UNTESTED);
  const tests = 'tests: [{ name: t, rule: from-tmp, events: e.picket, expect: deny }]\n';
  writeFileSync(join(folder, 'tested', 'tests', 'r.test.yaml'), tests);
  expect(picket('check', 'tested')).toEqual({
    status: 0,
    stdout: '',
    stderr: '1 good rule in 1 file, 0 errors, 0 warnings, 1 note (--notes shows them)\n',
  });
  expect(picket('check', '--strict', 'tested/r.yaml', 'tested/tests').status).toBe(0);
  expect(picket('check', '--strict', 'tested/r.yaml').status).toBe(1);
});

test('as GitHub annotations each finding is one escaped line', () => {
  const { status, stdout } = picket('check', '--format', 'github', WRONG_FILE, 'untested.yaml', 'nowhere');
  expect(status).toBe(3);
  const lines = stdout.trimEnd().split('\n');
  expect(lines.map((line) => line.slice(0, line.indexOf('::', 2)))).toEqual([
    '::error file=nowhere,title=picket missing-file',
    '::error file=a folder/wrong 100%25.yaml,line=3,col=3,title=picket unknown-key',
    '::error file=a folder/wrong 100%25.yaml,line=4,col=64,title=picket unknown-operator',
    '::warning file=untested.yaml,line=1,col=3,title=picket no-tests',
  ]);
  expect(lines[1]).toMatch(
    /::unknown key `severty`; did you mean `severity`\?%0Afound: `severty`%0Aexpected: /,
  );
});

test('as JSON it has the counts, and what can be mended', () => {
  const { stdout } = picket('check', '--json', WRONG_FILE, 'untested.yaml', 'nowhere');
  expect(JSON.parse(stdout)).toMatchObject({
    rules: 1,
    errors: 3,
    warnings: 1,
    notes: 1,
    failures: 1,
    counts: { 'unknown-key': 1, 'no-tests': 1, 'missing-file': 1, 'uncached-auth': 1 },
    findings: expect.arrayContaining([
      expect.objectContaining({ code: 'unknown-key', fixable: true }),
      expect.objectContaining({ code: 'no-tests', fixable: false }),
    ]),
  });
});

describe('as SARIF', () => {
  interface Log {
    readonly $schema: string;
    readonly version: string;
    readonly runs: readonly [
      {
        readonly tool: {
          readonly driver: {
            readonly name: string;
            readonly semanticVersion: string;
            readonly rules: readonly Record<string, unknown>[];
          };
        };
        readonly originalUriBaseIds: Readonly<Record<string, { readonly uri: string }>>;
        readonly invocations: readonly {
          readonly executionSuccessful: boolean;
          readonly toolExecutionNotifications: readonly object[];
        }[];
        readonly results: readonly {
          readonly ruleId: string;
          readonly ruleIndex: number;
          readonly level: string;
          readonly message: { readonly text: string };
          readonly locations: readonly {
            readonly physicalLocation: {
              readonly artifactLocation: { readonly uri: string; readonly uriBaseId?: string };
              readonly region?: Readonly<Record<string, number>>;
            };
          }[];
        }[];
      },
    ];
  }
  const sarif = (...args: string[]): Log =>
    JSON.parse(picket('check', '--format', 'sarif', ...args).stdout) as Log;

  test('has a run with rules, relative places, regions and levels', () => {
    const { $schema, version, runs } = sarif(WRONG_FILE, 'untested.yaml');
    expect($schema).toMatch(/sarif-schema-2\.1\.0\.json$/);
    expect(version).toBe('2.1.0');
    const [run] = runs;
    const { name, semanticVersion, rules } = run.tool.driver;
    expect(name).toBe('picket');
    expect(semanticVersion).toMatch(/^\d+\.\d+\.\d+/);
    expect(run.originalUriBaseIds.SRCROOT?.uri).toBe(`${pathToFileURL(folder).href}/`);
    expect(run.invocations).toEqual([{ executionSuccessful: true, toolExecutionNotifications: [] }]);
    for (const rule of rules) {
      expect(FINDING_CODES).toContain(rule.id);
      expect(rule).toMatchObject({
        shortDescription: { text: expect.stringMatching(/\.$/) },
        fullDescription: { text: expect.stringMatching(/^[^#\n]{20,1024}$/) },
        help: { text: expect.any(String), markdown: expect.stringContaining('## Bad') },
      });
      expect(() => new URL(String(rule.helpUri))).not.toThrow();
    }
    for (const { ruleId, ruleIndex, level, message } of run.results) {
      expect(rules[ruleIndex]?.id).toBe(ruleId);
      expect(['error', 'warning', 'note']).toContain(level);
      expect(message.text).toMatch(/\.$/);
    }
    expect(run.results.map(({ locations }) => locations[0]?.physicalLocation)).toEqual([
      {
        artifactLocation: { uri: 'a%20folder/wrong%20100%25.yaml', uriBaseId: 'SRCROOT' },
        region: { startLine: 3, startColumn: 3, endColumn: 10 },
      },
      {
        artifactLocation: { uri: 'a%20folder/wrong%20100%25.yaml', uriBaseId: 'SRCROOT' },
        region: { startLine: 4, startColumn: 64, endColumn: 74 },
      },
      {
        artifactLocation: { uri: 'untested.yaml', uriBaseId: 'SRCROOT' },
        region: { startLine: 1, startColumn: 3, endColumn: 7 },
      },
      {
        artifactLocation: { uri: 'untested.yaml', uriBaseId: 'SRCROOT' },
        region: { startLine: 1, startColumn: 3, endColumn: 7 },
      },
    ]);
  });

  test('tells of a failure of the tool apart from what is wrong in rules', () => {
    const [run] = sarif('circle.yaml', 'untested.yaml').runs;
    expect(run.invocations).toEqual([
      {
        executionSuccessful: false,
        toolExecutionNotifications: [
          {
            descriptor: { id: expect.stringMatching(/^(?:unreadable|missing-file)$/) },
            level: 'error',
            message: { text: expect.stringContaining('links go round in a circle') },
            locations: [
              { physicalLocation: { artifactLocation: { uri: 'circle.yaml', uriBaseId: 'SRCROOT' } } },
            ],
          },
        ],
      },
    ]);
    expect(run.results.map(({ ruleId }) => ruleId)).not.toContain('unreadable');
  });
});

test('explains a finding, and knows what was meant', () => {
  expect(picket('check', '--explain', 'no-tests').stdout).toMatch(/^# no-tests\n/);
  expect(picket('check', '--explain', 'no-test')).toEqual({
    status: 2,
    stdout: '',
    stderr: 'picket: no finding has the code "no-test"; did you mean no-tests?\n',
  });
});

test('writes a Navigator layer', () => {
  expect(picket('check', 'untested.yaml', '--navigator', 'layer.json').stderr).toContain(
    '1 technique written to layer.json',
  );
  expect(JSON.parse(readFileSync(join(folder, 'layer.json'), 'utf8'))).toMatchObject({
    versions: { layer: '4.5' },
    techniques: [{ techniqueID: 'T1059.004', tactic: 'execution', score: 1, comment: 'from-tmp' }],
  });
  const { status, stdout } = picket('check', 'untested.yaml', '--json', '--navigator', 'no/such/layer.json');
  expect(status).toBe(3);
  const { findings } = JSON.parse(stdout) as { readonly findings: readonly object[] };
  expect(findings).toContainEqual(expect.objectContaining({ code: 'no-tests' }));
  expect(findings).toContainEqual(
    expect.objectContaining({
      code: 'internal-error',
      message: expect.stringContaining("no/such/layer.json can't be written: there is no folder no/such"),
    }),
  );
});

describe('--fix', () => {
  test('shows what it would do, does it, and has then nothing left to do', () => {
    writeFileSync(join(folder, 'mend.yaml'), WRONG);
    const dry = picket('check', '--fix', '--dry-run', 'mend.yaml');
    expect(dry.stdout).toMatch(/^- {2}severty: high\n-.*startswith.*\n\+ {2}severity: high\n\+.*startsWith/m);
    expect(dry.stderr).toContain('2 findings would be mended in 1 file');
    expect(readFileSync(join(folder, 'mend.yaml'), 'utf8')).toBe(WRONG);
    const { stderr } = picket('check', '--fix', 'mend.yaml');
    expect(stderr).toContain('mend.yaml:3:3: mended: unknown-key: unknown key `severty`');
    expect(readFileSync(join(folder, 'mend.yaml'), 'utf8')).toBe(
      WRONG.replace('severty', 'severity').replace('startswith', 'startsWith'),
    );
    expect(picket('check', '--fix', 'mend.yaml').stderr).toContain('nothing to mend by itself');
  });
});

describe('picket rules fmt', () => {
  test('counts the files that have a form: a list of values has none', () => {
    writeFileSync(join(folder, 'names.txt'), 'curl\n');
    const text = UNTESTED.replace(/^/gm, '  ').trimEnd();
    writeFileSync(join(folder, 'listed.yaml'), `lists:\n  names: { file: names.txt }\nrules:\n${text}\n`);
    const { stdout } = picket('fmt', '--check', '--json', 'listed.yaml');
    expect(JSON.parse(stdout)).toMatchObject({ files: 1, problems: [] });
  });

  test('names what it changes, and with --check only whether it would', () => {
    const messy = UNTESTED.replace('[auth.exec]', '[ auth.exec ]');
    writeFileSync(join(folder, 'messy.yaml'), messy);
    expect(picket('fmt', '--check', 'messy.yaml', 'untested.yaml')).toEqual({
      status: 1,
      stdout: 'messy.yaml\n',
      stderr: '1 file of 2 would change\n',
    });
    expect(picket('fmt', '--diff', 'messy.yaml').stdout).toContain(
      '-  on: [ auth.exec ]\n+  on: [auth.exec]\n',
    );
    expect(readFileSync(join(folder, 'messy.yaml'), 'utf8')).toBe(messy);
    expect(picket('fmt', 'messy.yaml')).toMatchObject({ status: 0, stdout: 'messy.yaml\n' });
    expect(readFileSync(join(folder, 'messy.yaml'), 'utf8')).toBe(UNTESTED);
    expect(picket('fmt', '--check', 'messy.yaml').status).toBe(0);
  });

  test('leaves what is not valid, and says where', () => {
    writeFileSync(join(folder, 'broken.yaml'), '- {');
    const { status, stderr } = picket('fmt', 'broken.yaml');
    expect(status).toBe(1);
    expect(stderr).toContain('broken.yaml:1:4: error[yaml-syntax]');
    expect(readFileSync(join(folder, 'broken.yaml'), 'utf8')).toBe('- {');
    expect(picket('fmt', 'circle.yaml').status).toBe(3);
  });

  test('reads stdin for editors', () => {
    const options = {
      cwd: folder,
      encoding: 'utf8',
      input: UNTESTED.replace('[auth.exec]', '[ auth.exec ]'),
    } as const;
    expect(spawnSync(process.execPath, [MAIN, 'rules', 'fmt', '-'], options).stdout).toBe(UNTESTED);
  });
});
