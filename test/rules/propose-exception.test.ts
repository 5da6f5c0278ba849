// Exceptions proposed for events: narrow, of facts that stay, and never at the cost of what a rule is there for.
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, it } from 'vitest';
import type { EcsEvent } from '../../src/events/ecs-event.ts';
import { findFact } from '../../src/events/fact-table.ts';
import { objectFacts } from '../../src/events/object-facts.ts';
import type { Platform, Trigger } from '../../src/events/triggers.ts';
import type { SeenEvent } from '../../src/rules/exception-facts.ts';
import { type WrittenException, withException } from '../../src/rules/exception-text.ts';
import { givenFacts } from '../../src/rules/given-facts.ts';
import { findRules, parseFound, parseRules, requireRuleSet } from '../../src/rules/load.ts';
import { matcherOf, proposeException } from '../../src/rules/propose-exception.ts';
import type { RuleDefinition, RuleSet } from '../../src/rules/schema.ts';
import { commonFolder, commonStart, stableFolder, stableStart } from '../../src/rules/stable-values.ts';

const KEYS = `
- name: keys-read
  on: [auth.open]
  platforms: [PLATFORM]
  conditions: { all: [{ fact: file, path: $.path, operator: startsWith, value: /keys/ }] }
  event: { type: deny }
  tests:
    - { name: cat, given: { file: { path: /keys/a }, process: { executable: /bin/cat } }, expect: deny }
`;
const COMMAND = `
- name: upload
  on: [notify.exec]
  platforms: [linux]
  conditions: { all: [{ fact: process, path: $.args, operator: contains, value: --upload }] }
  event: { type: alert }
`;

const setOf = (text: string): RuleSet => requireRuleSet(parseRules([{ file: 'r.yaml', text }]));

function seen(event: EcsEvent, trigger: Trigger, platform: Platform = 'linux'): SeenEvent {
  return { facts: objectFacts({ ...event, picket: { trigger } }), trigger, platform };
}

/** The proposal, a condition a line. */
async function proposed(text: string, ...events: SeenEvent[]): Promise<string[]> {
  const set = setOf(text);
  const [rule] = set.rules;
  if (rule === undefined) throw new Error('no rule');
  const proposal = await proposeException(rule, set, events);
  if ('reason' in proposal) return [proposal.reason, ...proposal.tests];
  return proposal.facts.map(({ name, leaf }) => `${name} ${leaf.operator} ${JSON.stringify(leaf.value)}`);
}

const opened = (path: string, process: EcsEvent['process'], platform: Platform = 'linux'): SeenEvent =>
  seen({ file: { path }, process: { pid: 4711, entity_id: '4711-1', ...process } }, 'auth.open', platform);

describe('a proposed exception', () => {
  const linux = KEYS.replace('PLATFORM', 'linux');
  const macos = KEYS.replace('PLATFORM', 'macos');

  it('goes by who acts, on what, for whom and by whom started, and by no number', async () => {
    const parent = { executable: '/usr/sbin/cron', pid: 1 };
    expect(
      await proposed(
        linux,
        opened('/keys/a', { executable: '/opt/backup/agent', user: { id: '0', name: 'root' }, parent }),
      ),
    ).toEqual([
      'process.executable equal "/opt/backup/agent"',
      'process.parent.executable equal "/usr/sbin/cron"',
      'file.path equal "/keys/a"',
      'process.user.name equal "root"',
    ]);
  });

  it('goes by the signature of what is signed, and by the system’s own mark', async () => {
    const signed = { exists: true, team_id: 'TEAM', signing_id: 'com.example.backup' };
    const system = { exists: true, platform_binary: true, signing_id: 'com.apple.mdworker' };
    expect(
      await proposed(
        macos,
        opened(
          '/keys/a',
          {
            executable: '/Users/a/x',
            code_signature: signed,
            parent: { executable: '/sbin/launchd', code_signature: system },
          },
          'macos',
        ),
      ),
    ).toEqual([
      'process.code_signature.team_id equal "TEAM"',
      'process.code_signature.signing_id equal "com.example.backup"',
      'process.parent.code_signature.platform_binary equal true',
      'process.parent.code_signature.signing_id equal "com.apple.mdworker"',
      'file.path equal "/keys/a"',
    ]);
  });

  it('covers several events, and no more of each fact than they have', async () => {
    const event = (path: string, executable: string) => opened(path, { executable, user: { id: '0' } });
    expect(await proposed(linux, event('/keys/a', '/opt/a'), event('/keys/b', '/opt/a'))).toEqual([
      'process.executable equal "/opt/a"',
      'file.path in ["/keys/a","/keys/b"]',
      'process.user.id equal "0"',
    ]);
    const many = Array.from({ length: 30 }, (_, index) => event(`/keys/office/file-${index}`, '/opt/a'));
    expect(await proposed(linux, ...many)).toContain('file.path startsWith "/keys/office/"');
  });

  it('covers the folder of a file whose name changes', async () => {
    const events = ['/keys/cache/4f2a91bb0c/x', '/keys/cache/tmp.Ab3dEf/y'].map((path) =>
      opened(path, { executable: '/opt/a' }),
    );
    expect(await proposed(linux, ...events)).toEqual([
      'process.executable equal "/opt/a"',
      'file.path startsWith "/keys/cache/"',
    ]);
  });

  it('is narrowed by the command line where the rule is about that, as far as it stays the same', async () => {
    const run = (line: string) =>
      seen(
        { process: { executable: '/usr/bin/curl', args: line.split(' '), command_line: line } },
        'notify.exec',
      );
    expect(await proposed(COMMAND, run('curl --upload /srv/report'))).toEqual([
      'process.executable equal "/usr/bin/curl"',
      'process.command_line equal "curl --upload /srv/report"',
    ]);
    expect(await proposed(COMMAND, run('curl --upload /srv/report-20261130.csv'))).toContain(
      'process.command_line startsWith "curl --upload /srv/"',
    );
  });

  it('goes by no path that could not be resolved', async () => {
    const event = seen(
      { file: { path: '/keys/a', path_unresolved: true }, process: { executable: '/opt/a' } },
      'auth.open',
    );
    expect(await proposed(linux, event)).toEqual(['process.executable equal "/opt/a"']);
  });

  it('of a program that anybody could replace goes by its content, too', async () => {
    const hash = { sha256: 'ab'.repeat(32) };
    const run = (executable: string) => seen({ process: { executable, args: ['--upload'], hash } }, 'log');
    const log = COMMAND.replace('notify.exec', 'log').replace(
      'path: $.args, operator: contains, value: --upload',
      'path: $.hash.sha256, operator: exists, value: true',
    );
    expect(await proposed(log, run('/home/a/bin/x'))).toContain(`process.hash.sha256 equal "${hash.sha256}"`);
    expect(await proposed(log, run('/usr/bin/x'))).toEqual(['process.executable equal "/usr/bin/x"']);
  });

  it('is refused where it would stop what a test of the rule expects', async () => {
    expect(await proposed(linux, opened('/keys/a', { executable: '/bin/cat' }))).toEqual([
      'these events look like those that the rule is there for',
      'cat',
    ]);
  });

  it('is refused for events that have nothing to be known by', async () => {
    expect(
      await proposed(linux, seen({ file: { path: '/keys/a', path_unresolved: true } }, 'auth.open')),
    ).toEqual(['these events have no fact in common by which to know them again']);
  });
});

describe('for each shipped rule, started by something of the site,', () => {
  let found: Awaited<ReturnType<typeof findRules>>;
  let set: RuleSet;
  const cases: { rule: RuleDefinition; event: SeenEvent }[] = [];
  beforeAll(async () => {
    found = await findRules([fileURLToPath(new URL('../../rules', import.meta.url))]);
    set = requireRuleSet(parseFound(found));
    for (const rule of set.rules) {
      const platform = rule.platforms[0] ?? 'linux';
      const test = rule.tests.find(({ expect: expected }) => expected === rule.event.type);
      if (test === undefined || findFact('process.parent.executable', test.on, platform) === undefined)
        continue;
      // What starts the program is often what the rule is about.
      if (JSON.stringify(rule.own).includes('parent')) continue;
      const process = { ...test.given.process, parent: { executable: '/opt/site/bin/runner' } };
      const facts = givenFacts({ ...test.given, process, picket: { trigger: test.on } });
      cases.push({ rule, event: { facts, trigger: test.on, platform } });
    }
  });

  it('the exception stops the event and no test, and a file of all of them loads without a finding', async () => {
    expect(cases.length).toBeGreaterThan(30);
    let text = '';
    for (const { rule, event } of cases) {
      const proposal = await proposeException(rule, set, [event]);
      if ('reason' in proposal) throw new Error(`${rule.name}: ${proposal.reason}: ${proposal.tests.join()}`);
      const names = proposal.facts.map(({ name }) => name);
      expect(names.filter((name) => /pid|entity_id|start|created/.test(name))).toEqual([]);
      const { facts } = proposal;
      text = withException(text, { rule: rule.name, name: 'site', reason: 'r', facts, remarks: ['one'] });
    }
    const loaded = parseFound({ ...found, texts: [...found.texts, { file: 'site.yaml', text }] });
    expect(loaded.problems).toEqual([]);
    for (const { rule, event } of cases) {
      const excepted = loaded.ruleSet.rules.find(({ name }) => name === rule.name);
      expect(excepted && (await matcherOf(excepted, loaded.ruleSet)(event))).toBe(false);
      expect(await matcherOf(rule, set)(event)).toBe(true);
    }
  });
});

describe('a file of exceptions', () => {
  const another: WrittenException = {
    rule: 'keys-read',
    name: 'new: one',
    reason: 'because "so"',
    facts: [
      {
        name: 'process.executable',
        leaf: { fact: 'process', path: '$.executable', operator: 'equal', value: '/a, b' },
        why: 'w',
      },
    ],
    remarks: ['from an event'],
  };
  const names = (text: string): string[] => {
    const texts = [
      { file: 'r.yaml', text: KEYS.replace('PLATFORM', 'linux') },
      { file: 'e.yaml', text },
    ];
    return requireRuleSet(parseRules(texts)).rules.flatMap(({ exceptions }) =>
      exceptions.map(({ name }) => name),
    );
  };
  const one = `rule: keys-read, name: old, reason: r, conditions: { any: [{ fact: process, path: $.name, operator: equal, value: x }] }`;

  it.each([
    ['', ['new: one']],
    ['# of this site\n', ['new: one']],
    [`exceptions:\n  - { ${one} }\n`, ['old', 'new: one']],
    [`exceptions:\n- { ${one} } # why\n`, ['old', 'new: one']],
    [`exceptions:\n      - { ${one} }`, ['old', 'new: one']],
    [`# first\nexceptions:\n  - { ${one} }\n\n# behind\nlists: { x: [a] }\n`, ['old', 'new: one']],
    ['lists: { x: [a] }', ['new: one']],
  ])('takes one more behind the last, and keeps the rest: %j', (before, expected) => {
    const after = withException(before, another);
    expect(names(after)).toEqual(expected);
    for (const line of before.split('\n')) expect(after).toContain(line);
    expect(withException(after, { ...another, name: 'third' }).split('name: third')).toHaveLength(2);
  });

  it.each([
    ['[]', 'it has no key `exceptions`'],
    ['rules: []', 'it holds rules'],
    ['exceptions: []', 'is no list of entries with dashes'],
    ['{ exceptions: [a] }', 'is no list of entries with dashes'],
    ['a: [', 'it is not valid YAML'],
  ])('that is %s is left alone', (text, why) => {
    expect(() => withException(text, another)).toThrow(why);
  });
});

describe('what stays the same', () => {
  it.each([
    ['/proc/4711/exe', '/proc/'],
    ['/tmp/tmp.a8Xk2/x', '/tmp/'],
    ['/var/folders/3f/0b1c2d3e4f5a/T/x', '/var/folders/3f/'],
    ['/usr/lib/python3.12/os.py', undefined],
    ['/usr/lib/x86_64-linux-gnu/libc.so.6', undefined],
    ['/opt/app/1.2.3/bin/run', undefined],
    ['/home/a/550e8400-e29b-41d4-a716-446655440000', '/home/a/'],
  ])('of %s is %s', (path, folder) => {
    expect(stableFolder(path)).toBe(folder);
  });

  it('of several texts is their beginning, whole words and folders only', () => {
    expect(commonFolder(['/a/b/c', '/a/bc/d'])).toBe('/a/');
    expect(commonStart(['run --x 1', 'run --xy 1'])).toBe('run ');
    expect(commonStart(['run a', 'run a b'])).toBe('run a');
    expect(stableStart('sync --port 5432 --at 2026-11-30T12:00:00Z')).toBe(
      'sync --port 5432 --at 2026-11-30T12:00:00Z',
    );
    expect(stableStart('kill 1234567')).toBe('kill ');
  });
});
