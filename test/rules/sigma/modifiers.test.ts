import { describe, expect, test } from 'vitest';
import { LIST_MODIFIERS, VALUE_MODIFIERS } from '../../../src/rules/sigma/modifiers.ts';
import { importTexts, loaded, matching, outcomeOf, refusalOf, ruleOf, sigma } from './imported.ts';

const FIELDS: Readonly<Record<string, readonly string[]>> = {
  CommandLine: ['process', 'command_line'],
  Image: ['process', 'executable'],
  ParentImage: ['process', 'parent', 'executable'],
  User: ['process', 'user', 'name'],
  ProcessId: ['process', 'pid'],
  ParentProcessId: ['process', 'parent', 'pid'],
  UtcTime: ['event', 'created'],
};

function eventOf(fields: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const event: Record<string, unknown> = {};
  for (const [field, value] of Object.entries(fields)) {
    const path = FIELDS[field] ?? [];
    let current = event;
    for (const step of path.slice(0, -1)) {
      current[step] ??= {};
      current = current[step] as Record<string, unknown>;
    }
    current[path.at(-1) ?? ''] = value;
  }
  return event;
}

async function matches(selection: string, fields: Readonly<Record<string, unknown>>): Promise<boolean> {
  const result = await importTexts([ruleOf(`selection:\n  ${selection.trim()}\ncondition: selection`)], {
    lists: new Map([
      ['users', ['alice', 'svc_*']],
      ['hosts', ['a', 'b']],
    ]),
  });
  const [entry] = result.report.entries;
  expect(entry?.outcome.kind, JSON.stringify(entry?.outcome)).not.toBe('refused');
  const [name] = await matching(loaded(result), eventOf(fields), 'notify.exec');
  return name !== undefined;
}

interface Case {
  readonly selection: string;
  readonly yes: readonly Readonly<Record<string, unknown>>[];
  readonly no: readonly Readonly<Record<string, unknown>>[];
}

const b64 = (text: string): string => Buffer.from(text).toString('base64');
const line = (...texts: readonly string[]): readonly { readonly CommandLine: string }[] =>
  texts.map((CommandLine) => ({ CommandLine }));

/** For each modifier by its name. */
const CASES: Readonly<Record<string, readonly Case[]>> = {
  all: [
    { selection: "CommandLine|contains|all: ['-a', '-B']", yes: line('x -b -a'), no: line('x -a', 'x -b') },
  ],
  contains: [
    { selection: 'CommandLine|contains: CURL', yes: line('curl', 'a Curl b'), no: line('cur l', '') },
    { selection: "CommandLine|contains: 'a*c'", yes: line('xa\nbcx', 'ac'), no: line('ca') },
    { selection: 'CommandLine|contains: 777', yes: line('chmod 777 x'), no: line('chmod 755 x') },
  ],
  startswith: [
    { selection: "Image|startswith: '/tmp/'", yes: [{ Image: '/TMP/x' }], no: [{ Image: '/x/tmp/' }] },
  ],
  endswith: [
    {
      selection: "Image|endswith: '/curl'",
      yes: [{ Image: '/usr/bin/curl' }],
      no: [{ Image: '/curl/x' }, { Image: 'curl' }],
    },
  ],
  exists: [
    { selection: 'User|exists: true', yes: [{ User: 'a' }], no: [{ CommandLine: 'x' }] },
    { selection: 'User|exists: false', yes: [{ CommandLine: 'x' }], no: [{ User: 'a' }] },
  ],
  cased: [
    { selection: "CommandLine|contains|cased: ' -D'", yes: line('auditctl -D'), no: line('auditctl -d') },
    { selection: "CommandLine|cased|endswith: 'X?z'", yes: line('aXyz'), no: line('axyz') },
  ],
  neq: [
    { selection: 'User|neq: root', yes: [{ User: 'alice' }, {}], no: [{ User: 'ROOT' }] },
    { selection: 'User|neq: [root, bin]', yes: [{ User: 'alice' }], no: [{ User: 'bin' }, { User: 'root' }] },
    { selection: 'ProcessId|neq: 7', yes: [{ ProcessId: 8 }], no: [{ ProcessId: 7 }] },
    { selection: 'CommandLine|contains|neq: ab', yes: line('a b'), no: line('xABx') },
  ],
  windash: [
    {
      selection: "CommandLine|windash|contains: ' -enc'",
      yes: line('x -enc', 'x /ENC', 'x –enc', 'x —enc', 'x ―enc'),
      no: line('x enc', 'x +enc'),
    },
    { selection: "CommandLine|contains|windash|all: [' -a', ' -b']", yes: line('x /a -b'), no: line('x /a') },
  ],
  re: [
    {
      selection: "CommandLine|re: 'cu?rl\\s+[a-c]{2}$'",
      yes: line('x crl  ab'),
      no: line('CURL ab', 'curl abx'),
    },
    { selection: "CommandLine|re|startswith: 'a|b'", yes: line('bx', 'ax'), no: line('xa', 'xb') },
    { selection: "CommandLine|re|endswith: 'a|b'", yes: line('xb', 'xa'), no: line('ax', 'bx') },
    { selection: "CommandLine|re|contains: 'a.c'", yes: line('xabcx'), no: line('xacx') },
    { selection: "CommandLine|re: ['^a', 'z$']", yes: line('ax', 'xz'), no: line('xa') },
  ],
  i: [{ selection: "CommandLine|re|i: '^ab'", yes: line('AB'), no: line('xab') }],
  ignorecase: [{ selection: "CommandLine|re|ignorecase: '^ab'", yes: line('AB'), no: line('xab') }],
  m: [{ selection: "CommandLine|re|m: '^ab$'", yes: line('x\nab\ny'), no: line('x\nAb', 'xab') }],
  multiline: [{ selection: "CommandLine|re|multiline: '^ab$'", yes: line('x\nab'), no: line('xab') }],
  s: [{ selection: "CommandLine|re|s: 'a.b'", yes: line('a\nb'), no: line('A\nb') }],
  dotall: [{ selection: "CommandLine|re|i|dotall|m: '^a.b$'", yes: line('x\nA\nb'), no: line('xa\nb') }],
  base64: [
    {
      selection: 'CommandLine|base64|contains: secret',
      yes: line(`x ${b64('secret')}`),
      no: line('x secret'),
    },
    { selection: 'CommandLine|base64: "ü"', yes: line(b64('ü')), no: line('ü') },
  ],
  base64offset: [
    {
      selection: 'CommandLine|base64offset|contains: "http://"',
      yes: line(b64('http://x'), b64('ahttp://x'), b64('aahttp://x'), b64('aaahttp://x')),
      no: line('http://x', b64('https://x')),
    },
  ],
  utf16le: [
    {
      selection: 'CommandLine|utf16le|base64offset|contains: ping',
      yes: line(Buffer.from('a ping', 'utf16le').toString('base64')),
      no: line(b64('ping')),
    },
    { selection: 'CommandLine|utf16le|contains: ab', yes: line('xa\0b\0'), no: line('ab') },
  ],
  wide: [
    {
      selection: 'CommandLine|wide|base64: ping',
      yes: line(Buffer.from('ping', 'utf16le').toString('base64')),
      no: line(b64('ping')),
    },
  ],
  utf16be: [
    {
      selection: 'CommandLine|utf16be|base64: ping',
      yes: line(Buffer.from('\0p\0i\0n\0g').toString('base64')),
      no: line(b64('ping')),
    },
  ],
  utf16: [
    {
      selection: 'CommandLine|utf16|base64: ping',
      yes: line(Buffer.from('fffe700069006e006700', 'hex').toString('base64')),
      no: line(b64('ping')),
    },
  ],
  lt: [{ selection: 'ProcessId|lt: 100', yes: [{ ProcessId: 99 }], no: [{ ProcessId: 100 }, {}] }],
  lte: [{ selection: "ProcessId|lte: '100'", yes: [{ ProcessId: 100 }], no: [{ ProcessId: 101 }] }],
  gt: [{ selection: 'ProcessId|gt: 100', yes: [{ ProcessId: 101 }], no: [{ ProcessId: 100 }] }],
  gte: [{ selection: 'ProcessId|gte: 100', yes: [{ ProcessId: 100 }], no: [{ ProcessId: 99 }] }],
  minute: [
    {
      selection: 'UtcTime|minute: 5',
      yes: [{ UtcTime: '2026-03-04T10:05:59.5Z' }],
      no: [{ UtcTime: '2026-03-04T05:15:05Z' }],
    },
  ],
  hour: [
    {
      selection: 'UtcTime|hour|gte: 22',
      yes: [{ UtcTime: '2026-03-04T23:05:59Z' }],
      no: [{ UtcTime: '2026-03-22T21:22:22Z' }],
    },
    {
      selection: 'UtcTime|hour: [1, 2]',
      yes: [{ UtcTime: '2026-03-04T02:05:59Z' }],
      no: [{ UtcTime: '2026-03-02T03:02:02Z' }],
    },
  ],
  day: [
    {
      selection: 'UtcTime|day|lt: 4',
      yes: [{ UtcTime: '2026-03-03T00:00:00Z' }],
      no: [{ UtcTime: '2026-03-04T03:03:03Z' }],
    },
  ],
  month: [
    {
      selection: 'UtcTime|month: 12',
      yes: [{ UtcTime: '2026-12-03T00:00:00Z' }],
      no: [{ UtcTime: '2026-11-12T12:12:12Z' }],
    },
  ],
  week: [
    // 2026 begins on a Thursday: its first week begins in 2025; 2020 has 53 weeks.
    {
      selection: 'UtcTime|week: 1',
      yes: [{ UtcTime: '2025-12-29T00:00:00.5Z' }, { UtcTime: '2026-01-04T23:59:59.9Z' }],
      no: [{ UtcTime: '2026-01-05T00:00:00.0Z' }, { UtcTime: '2025-12-28T23:59:59.9Z' }],
    },
    {
      selection: 'UtcTime|week|gt: 52',
      yes: [{ UtcTime: '2021-01-03T12:00:00Z' }],
      no: [{ UtcTime: '2021-01-04T12:00:00Z' }, { UtcTime: '2025-12-28T12:00:00Z' }],
    },
  ],
  year: [
    {
      selection: 'UtcTime|year: 2026',
      yes: [{ UtcTime: '2026-12-03T00:00:00Z' }],
      no: [{ UtcTime: '2025-11-12T20:26:12Z' }],
    },
    {
      selection: 'UtcTime|year|gt: 2026',
      yes: [{ UtcTime: '2027-01-01T00:00:00Z' }],
      no: [{ UtcTime: '2026-12-31T23:59:59.999Z' }],
    },
    {
      selection: 'UtcTime|year|lte: 2026',
      yes: [{ UtcTime: '2026-12-31T23:59:59.999Z' }],
      no: [{ UtcTime: '2027-01-01T00:00:00Z' }],
    },
  ],
  cidr: [
    {
      selection: 'SourceIp|cidr: 10.0.0.0/8',
      yes: [],
      no: [],
    },
  ],
  expand: [
    {
      selection: "User|expand: '%users%'",
      yes: [{ User: 'Alice' }, { User: 'svc_db' }],
      no: [{ User: '%users%' }, { User: 'bob' }],
    },
    {
      selection: "CommandLine|contains|expand: 'x%hosts%y%hosts%\\%z'",
      yes: line('xayb%z'),
      no: line('xayc%z'),
    },
    { selection: "CommandLine|re|expand: '^%hosts%$'", yes: line('b'), no: line('ab') },
  ],
  fieldref: [
    {
      selection: 'Image|fieldref: ParentImage',
      yes: [{ Image: '/a', ParentImage: '/A' }],
      no: [{ Image: '/a', ParentImage: '/b' }, {}],
    },
    {
      selection: 'CommandLine|fieldref|startswith: Image',
      yes: [{ Image: '/a', CommandLine: '/a b' }],
      no: [{ Image: '/a', CommandLine: 'b /a' }],
    },
    {
      selection: 'Image|fieldref|neq: ParentImage',
      yes: [{ Image: '/a', ParentImage: '/b' }],
      no: [{ Image: '/a', ParentImage: '/a' }],
    },
    {
      selection: 'ProcessId|fieldref: ParentProcessId',
      yes: [{ ProcessId: 1, ParentProcessId: 1 }],
      no: [{ ProcessId: 1, ParentProcessId: 2 }],
    },
  ],
};

describe('each modifier', () => {
  test('has cases here', () => {
    const names = [...VALUE_MODIFIERS.keys(), ...LIST_MODIFIERS];
    expect(names.sort()).toEqual(Object.keys(CASES).sort());
    expect(names).toHaveLength(34);
  });

  for (const [name, cases] of Object.entries(CASES)) {
    for (const { selection, yes, no } of cases) {
      test(`${name}: ${selection}`, async () => {
        for (const fields of yes) expect(await matches(selection, fields), JSON.stringify(fields)).toBe(true);
        for (const fields of no) expect(await matches(selection, fields), JSON.stringify(fields)).toBe(false);
      });
    }
  }

  test('cidr: v4 and v6, as a list', async () => {
    const text = sigma(
      'category: network_connection, product: linux',
      "selection:\n  DestinationIp|cidr: ['10.0.0.0/8', 'fe80::/10']\ncondition: selection",
    );
    const rules = loaded(await importTexts([text]));
    const isIn = async (ip: string): Promise<boolean> =>
      (await matching(rules, { destination: { ip } }, 'flow')).length === 1;
    expect(await Promise.all(['10.1.2.3', 'fe80::1', '11.0.0.1', '::1'].map(isIn))).toEqual([
      true,
      true,
      false,
      false,
    ]);
  });
});

describe('a modifier that does not fit is refused', () => {
  test.each([
    ['CommandLine|contians: a', 'no modifier is named `contians`; did you mean `contains`?'],
    ['CommandLine|all: a', '`all` joins several values, and this is one'],
    ['CommandLine|contains|re: a', '`re` takes a value as it is written'],
    ['CommandLine|contains|cidr: 10.0.0.0/8', '`cidr` takes a value as it is written'],
    ['CommandLine|cased|exists: true', "`cased` can't be applied to true or false"],
    ['CommandLine|exists: maybe', "`exists` can't be applied to text"],
    ['CommandLine|exists: [true, false]', '`exists` takes one value'],
    ['CommandLine|i: a', "`i` can't be applied to text"],
    ["CommandLine|base64: 'a*'", "`base64` can't encode wildcards"],
    ["CommandLine|wide|base64offset: 'a?'", "`wide` can't encode wildcards"],
    ['CommandLine|cidr: 10.0.0.0/99', 'this is no network'],
    ['ProcessId|lt: many', "`lt` can't be applied to text"],
    ['ProcessId|contains: "a"', "`ProcessId` can't be compared with a pattern: process.pid is a number"],
    ['UtcTime|hour: 25', 'this is no hour'],
    [
      'CommandLine|hour: 3',
      "`CommandLine` can't be compared with a part of a time: process.command_line is text",
    ],
    ['User|expand: "%nobody%"', 'no list is named `nobody`'],
    ['User|expand: plain', '`expand` finds no placeholder here'],
    [
      'CommandLine|re: "a(?=b)"',
      'this regular expression is not valid: invalid or unsupported Perl syntax: `(?=`',
    ],
    ['CommandLine|re: "(a)\\\\1"', 'this regular expression is not valid: invalid escape sequence: `\\1`'],
    [
      'Image|fieldref: ProcessId',
      "`Image` can't be compared with `ProcessId` (process.pid): process.executable is text",
    ],
    ['Image|fieldref: Nothing', 'no fact of notify.exec is `Nothing`; a mapping file may name one'],
    ['CommandLine|utf16: a', 'these bytes of UTF-16 are no text that an event could hold'],
    ["CommandLine|contains|windash: ' -a -b -c -d -e'", '`windash` makes too many values of this'],
    ['CommandLine|contains: true', "`contains` can't be applied to true or false"],
    ['CommandLine|contains: null', "`contains` can't be applied to null"],
  ])('%s', async (selection, message) => {
    const refusal = await refusalOf(ruleOf(`selection:\n  ${selection}\ncondition: selection`));
    expect(refusal.replace(/^\d+:\d+ \S+ /, '')).toBe(message);
    expect(refusal).toMatch(/^6:\d+ sigma-/);
  });

  test('unless the value can never matter', async () => {
    const text = ruleOf('selection:\n  User: root\nunused:\n  Nothing: x\ncondition: selection');
    expect((await outcomeOf(text)).kind).toBe('exact');
  });
});
