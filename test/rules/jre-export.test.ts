// Exported rules, held against the compiled ones: by json-rules-engine in a process of its own for the shipped rules, and
// for random ones in this process.
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { Engine } from 'json-rules-engine';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { EcsEvent } from '../../src/events/ecs-event.ts';
import { completeEvent, objectFacts } from '../../src/events/object-facts.ts';
import type { Platform, Trigger } from '../../src/events/triggers.ts';
import { compileRules } from '../../src/rules/compile.ts';
import { givenFacts } from '../../src/rules/given-facts.ts';
import { exportForJre } from '../../src/rules/jre-export.ts';
import { register } from '../../src/rules/jre-operators.ts';
import { type LoadedRules, loadRules, parseRules } from '../../src/rules/load.ts';
import { PLATFORMS } from '../../src/rules/schema.ts';
import { type Ending, MAIN, picketIn } from '../cli/picket-command.ts';
import { AUTH, ecsEvent, NOTIFY, ruleSet } from './arbitrary-rules.ts';

const RULES = fileURLToPath(new URL('../../rules', import.meta.url));

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'picket-jre-export-'));
  // The process that judges has this package and no other.
  mkdirSync(join(folder, 'node_modules'));
  const manifest = fileURLToPath(import.meta.resolve('json-rules-engine/package.json'));
  symlinkSync(dirname(manifest), join(folder, 'node_modules', 'json-rules-engine'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const picket = (...args: string[]): Ending => picketIn(folder, 'rules', 'export', ...args);

interface JudgedEvent {
  readonly trigger: Trigger;
  readonly event: EcsEvent;
  readonly matched: readonly string[];
}

/** The tests of the shipped rules as events, with the rules that Picket finds in each: all rules, not the test's alone. */
function judgedEvents({ ruleSet: set }: LoadedRules, platform: Platform): JudgedEvent[] {
  const compiled = compileRules(set, { platform });
  return set.rules.flatMap((rule) => {
    if (!rule.platforms.includes(platform)) return [];
    return rule.tests.map(({ on: trigger, given }) => {
      const event = {
        ...given,
        picket: { ...given.picket, trigger },
        host: { os: { type: platform } },
      } as EcsEvent;
      const { matched } = compiled.decide(trigger, givenFacts(event));
      return {
        trigger,
        event: withoutNulls(completeEvent(event)),
        matched: matched.map(({ name }) => name).sort(),
      };
    });
  });
}

/** In a test null says that the fact is missing. */
function withoutNulls<T>(value: T): T {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  const entries = Object.entries(value).filter(([, entry]) => entry !== null);
  return Object.fromEntries(
    entries.map(([key, entry]) => [key, key === 'es' ? entry : withoutNulls(entry)]),
  ) as T;
}

const JUDGE = `
const { rules, conditions } = JSON.parse(readFileSync(process.argv[2] + '/rules.json', 'utf8'));
const engine = new Engine([], { allowUndefinedFacts: true });
register(engine);
for (const [name, condition] of Object.entries(conditions)) engine.setCondition(name, condition);
for (const rule of rules) engine.addRule(rule);
(async () => {
  for (const event of JSON.parse(readFileSync('events.json', 'utf8'))) {
    const { results } = await engine.run(event);
    console.log(JSON.stringify(results.map(({ name }) => name).sort()));
  }
})();
`;
const AS_MODULE = `
import { readFileSync } from 'node:fs';
import { Engine } from 'json-rules-engine';
import { register } from './exported/operators.mjs';
${JUDGE}`;
const AS_SCRIPT = `
const { readFileSync } = require('node:fs');
const { Engine } = require('json-rules-engine');
const { register } = require('./exported/operators.cjs');
${JUDGE}`;

function judge(script: string, exported: string, events: readonly JudgedEvent[]): string[][] {
  writeFileSync(join(folder, 'events.json'), JSON.stringify(events.map(({ event }) => event)));
  const { stdout, stderr } = spawnSync(process.execPath, [script, exported], {
    cwd: folder,
    encoding: 'utf8',
    timeout: 60_000,
  });
  expect(stderr).toBe('');
  return stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as string[]);
}

describe('exported rules', () => {
  let loaded: LoadedRules;
  beforeAll(async () => {
    loaded = await loadRules([RULES]);
    expect(picket('--jre', RULES, '--out', 'exported')).toMatchObject({ status: 0, stdout: '' });
    writeFileSync(join(folder, 'judge.mjs'), AS_MODULE);
    writeFileSync(join(folder, 'judge.cjs'), AS_SCRIPT);
  });

  test.each(PLATFORMS)('judge the events of %s in json-rules-engine as they do in Picket', (platform) => {
    const events = judgedEvents(loaded, platform);
    const expected = events.map(({ matched }) => matched);
    expect(expected.flat().length).toBeGreaterThan(30);
    for (const script of ['judge.mjs', 'judge.cjs'])
      expect(judge(script, 'exported', events)).toEqual(expected);
  });

  test.each(PLATFORMS)('find in recorded events of %s what a replay finds', (platform) => {
    const recording = fileURLToPath(new URL(`../../demo/${platform}.picket`, import.meta.url));
    const replay = ['replay', recording, '--rules', join(RULES, platform), '--output', 'ndjson'];
    const { stdout } = spawnSync(process.execPath, [MAIN, ...replay], { encoding: 'utf8', timeout: 60_000 });
    const events = stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as EcsEvent & { picket: { trigger: Trigger; rules: string[] } })
      .map((event) => ({ trigger: event.picket.trigger, event, matched: [...event.picket.rules].sort() }));
    expect(events.flatMap(({ matched }) => matched).length).toBeGreaterThan(10);
    expect(judge('judge.mjs', 'exported', events)).toEqual(events.map(({ matched }) => matched));
  });

  test('run by the lines that their page shows', () => {
    const page = readFileSync(new URL('../../docs/rules-export.md', import.meta.url), 'utf8');
    const [, lines = ''] = /^```js\n([\s\S]*?)^```/m.exec(page) ?? [];
    writeFileSync(join(folder, 'lines.mjs'), lines.replaceAll('jre-rules', 'exported'));
    const { stdout, stderr } = spawnSync(process.execPath, ['lines.mjs'], {
      cwd: folder,
      encoding: 'utf8',
      timeout: 60_000,
    });
    expect(stderr).toBe('');
    expect(stdout).toContain("'linux-forward-exec: forward'");
  });

  test('of one trigger judge its events without being told the trigger', () => {
    const trigger = 'notify.exec';
    const { status } = picket(
      '--jre',
      RULES,
      '--platform',
      'linux',
      '--trigger',
      trigger,
      '--out',
      'of-one-trigger',
    );
    expect(status).toBe(0);
    expect(readFileSync(join(folder, 'of-one-trigger', 'rules.json'), 'utf8')).not.toContain('$.trigger');
    const events = judgedEvents(loaded, 'linux').filter((one) => one.trigger === trigger);
    const untold = events.map((one) => ({
      ...one,
      event: { ...one.event, picket: {}, host: {} } as EcsEvent,
    }));
    expect(judge('judge.mjs', 'of-one-trigger', untold)).toEqual(events.map(({ matched }) => matched));
  });

  test('mean the same for random rules and events', async () => {
    let judged = 0;
    let matches = 0;
    await fc.assert(
      fc.asyncProperty(
        ruleSet(4),
        fc.array(ecsEvent, { minLength: 1, maxLength: 4 }),
        async (set, events) => {
          const { exported } = exportForJre(set, new Map(), { platform: 'linux' });
          const names = new Set(exported.rules.map(({ name }) => name));
          const compiled = compileRules(set, { platform: 'linux' });
          const engine = new Engine([], { allowUndefinedFacts: true });
          register(engine);
          const { rules, conditions } = JSON.parse(JSON.stringify(exported)) as typeof exported;
          for (const [name, one] of Object.entries(conditions)) engine.setCondition(name, one as never);
          for (const rule of rules) engine.addRule(rule as never);
          for (const given of events) {
            for (const trigger of [AUTH, NOTIFY]) {
              const event = { ...given, picket: { trigger } } as EcsEvent;
              const { matched } = await compiled.decideAsync(trigger, objectFacts(event));
              const { results } = await engine.run(structuredClone(completeEvent(event)));
              const expected = matched.map(({ name }) => name).filter((name) => names.has(name));
              expect(new Set(results.map(({ name }) => name))).toEqual(new Set(expected));
              judged += names.size;
              matches += expected.length;
            }
          }
        },
      ),
      { numRuns: 200 },
    );
    expect(judged).toBeGreaterThan(1000);
    expect(matches).toBeGreaterThan(100);
  });
});

describe('what can not be exported', () => {
  const rule = (condition: string): string => `
- name: one
  on: [notify.exec]
  conditions: { all: [ ${condition} ] }
  event: { type: alert }
`;
  const problemsOf = (condition: string): string[] => {
    const loaded = parseRules([{ file: 'one.yaml', text: rule(condition) }], { platform: 'linux' });
    expect(loaded.problems.filter(({ severity }) => severity === 'error')).toEqual([]);
    const { exported, problems } = exportForJre(loaded.ruleSet, loaded.places, {});
    expect(exported.rules.length).toBe(problems.length === 0 ? 1 : 0);
    return problems.map(({ line, column, code, message }) => `${line}:${column} ${code}: ${message}`);
  };

  test('is named with its place', () => {
    expect(
      problemsOf('{ fact: process, path: $.pid, operator: equal, value: 12345678901234567890 }'),
    ).toEqual(['4:78 not-exportable: JSON can not carry this number without losing digits']);
    expect(problemsOf('{ fact: es.event.exec, path: $.x, operator: equal, value: a }')).toEqual([
      expect.stringContaining('not-exportable: this path begins in the middle of an event'),
    ]);
    expect(
      problemsOf('{ fact: process.args, path: "$[?(@ == \'a\')]", operator: exists, value: true }'),
    ).toEqual([expect.stringContaining('not-exportable')]);
  });

  test('is told from what only looks so', () => {
    expect(problemsOf('{ fact: process.args, path: "$[0]", operator: equal, value: a }')).toEqual([]);
    expect(problemsOf('{ fact: process.parent, path: $.executable, operator: equal, value: a }')).toEqual([]);
    expect(
      problemsOf('{ fact: process.executable, operator: equal, value: { fact: process.parent.executable } }'),
    ).toEqual([]);
  });
});

describe('picket rules export', () => {
  const file = (text: string): string => {
    writeFileSync(join(folder, 'one.yaml'), text);
    return 'one.yaml';
  };
  const good = file.bind(
    undefined,
    `
conditions: { shell: { any: [ { fact: process, path: $.name, operator: "ignoreCase:startsWith", value: sh } ] } }
rules:
  - name: one
    on: [notify.exec]
    conditions: { condition: shell }
    event: { type: alert }
`,
  );

  test('prints the rules, and says on stderr what json-rules-engine lacks for them', () => {
    const { status, stdout, stderr } = picket('--jre', good(), '--trigger', 'notify.exec');
    expect(status).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({
      rules: [{ name: 'one', priority: 1, conditions: { condition: 'shell' }, event: { type: 'alert' } }],
      conditions: { shell: { any: [{ fact: 'process', path: '$.name' }] } },
      operators: ['ignoreCase:', 'startsWith'],
    });
    expect(stderr).toContain(
      '1 rule\nThese rules need operators that json-rules-engine has not: ignoreCase:, startsWith.',
    );
  });

  test('tells a program what it wrote', () => {
    const { status, stdout } = picket('--jre', good(), '--out', 'made', '--json');
    expect(status).toBe(0);
    expect(JSON.parse(stdout)).toEqual({
      rules: 1,
      operators: ['ignoreCase:', 'startsWith'],
      written: ['made/rules.json', 'made/operators.mjs', 'made/operators.cjs'],
      errors: [],
    });
    expect(picket('--jre', good(), '--out', 'made.json').stderr).toContain(
      '1 rule in made.json\nThese rules need',
    );
  });

  test('writes nothing when a rule is wrong', () => {
    const wrong = file(
      '- name: one\n  on: [notify.exec]\n  conditions: { all: [ { fact: proces } ] }\n  event: { type: alert }\n',
    );
    const { status, stdout, stderr } = picket('--jre', wrong, '--out', 'never');
    expect({ status, stdout }).toEqual({ status: 1, stdout: '' });
    expect(stderr).toContain('one.yaml:3:24: error[');
    expect(stderr).toContain('nothing was written');
    const { rules, errors } = JSON.parse(picket('--jre', wrong, '--json').stdout);
    expect({ rules, error: errors[0] }).toMatchObject({
      rules: 0,
      error: { line: 3, column: 24, code: 'missing-key' },
    });
    expect(() => readFileSync(join(folder, 'never', 'rules.json'))).toThrow('ENOENT');
  });

  test('knows the usage errors of a new user', () => {
    expect(picket(good())).toMatchObject({
      status: 2,
      stderr: expect.stringContaining("'--jre' not specified"),
    });
    expect(picket('--jre', '--trigger', 'notify.exe')).toMatchObject({
      status: 2,
      stderr: expect.stringContaining('did you mean notify.exec?'),
    });
    expect(picket('--jre', good(), '--out', 'one.yaml/x')).toMatchObject({
      status: 3,
      stderr: expect.stringContaining(
        "one.yaml/x/rules.json can't be written: a part of the path is no folder",
      ),
    });
  });
});
