// docs/rules.md: its examples are rules that load and whose tests pass, its tables those by which rules are checked.
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { encodeEvent } from '../../src/events/encode-event.ts';
import { EncodedFacts } from '../../src/events/encoded-facts.ts';
import { exampleOf } from '../../src/events/fact-examples.ts';
import { offered, triggersOf } from '../../src/events/fact-table.ts';
import { DECORATORS } from '../../src/rules/decorators.ts';
import { formatRules } from '../../src/rules/format/format.ts';
import { parseRules } from '../../src/rules/load.ts';
import { OPERATORS } from '../../src/rules/operators.ts';
import { EVENT_TYPES, EXCEPTION_KEYS, LIST_TYPES, PLATFORMS, RULE_KEYS } from '../../src/rules/schema.ts';
import { testRules } from '../../src/rules/testing.ts';
import { factsPage } from './facts-page.ts';
import { withReference } from './facts-reference.ts';

const path = fileURLToPath(new URL('../../docs/rules.md', import.meta.url));
const page = readFileSync(path, 'utf8');
const examples = [...page.matchAll(/^```yaml\n([\s\S]*?)^```/gm)].map((match) => match[1] ?? '');

/** Files of values, each named by its first line. */
const listFiles = [...page.matchAll(/^```text\n# (\S+\.txt)\n([\s\S]*?)^```/gm)].map(
  ([, name, text = '']) => ({
    file: `docs/${name}`,
    text,
    isList: true,
  }),
);

describe('the page on rules', () => {
  it('has examples', () => {
    expect(examples.length).toBeGreaterThan(2);
  });

  it.each(examples)('has examples that load and whose tests pass: %#', async (text) => {
    const isException = text.startsWith('exceptions:');
    const others = isException ? [{ file: 'docs/first.yaml', text: examples[0] ?? '' }] : [];
    const loaded = parseRules([{ file: 'docs/rules.md', text }, ...others, ...listFiles]);
    expect(loaded.problems).toEqual([]);
    const results = await testRules(loaded.ruleSet);
    expect(results.filter(({ status }) => status === 'failed')).toEqual([]);
    expect(results.length).toBeGreaterThan(1);
    expect(loaded.ruleSet.rules.some(({ exceptions }) => exceptions.length > 0)).toBe(isException);
  });

  it.each(examples)('has examples that are written as `rules fmt` writes them: %#', (text) => {
    expect(formatRules('docs/rules.md', text, () => undefined)).toBe(text);
  });

  it.each([
    ['key', RULE_KEYS.filter((key) => key !== 'falsepositives')],
    ['key of an exception', EXCEPTION_KEYS],
    ['type of list', LIST_TYPES],
    ['operator', [...OPERATORS.keys()]],
    ['decorator', [...DECORATORS.keys()].map((name) => `${name}:`)],
    ['event type', EVENT_TYPES],
  ])('explains every %s', (_, names) => {
    const rows = page.split('\n').filter((line) => line.startsWith('| `'));
    const first = rows.flatMap((row) =>
      [...(row.split(' | ')[0] ?? '').matchAll(/`([^`]+)`/g)].map(([, name]) => name),
    );
    expect(names.filter((name) => !first.includes(name))).toEqual([]);
  });

  it('has the tables of triggers and facts by which rules are checked', () => {
    const expected = withReference(page);
    if (process.env.PICKET_UPDATE_DOCS === '1') writeFileSync(path, expected);
    // The formatter aligns tables; their content is what counts.
    const isSame = unaligned(page) === unaligned(expected);
    expect(isSame, 'run this test with PICKET_UPDATE_DOCS=1').toBe(true);
  });
});

describe('the page of facts', () => {
  const file = fileURLToPath(new URL('../../docs/facts.md', import.meta.url));

  it('is what the table of facts says now', () => {
    if (process.env.PICKET_UPDATE_DOCS === '1') writeFileSync(file, factsPage());
    const isSame = existsSync(file) && readFileSync(file, 'utf8') === factsPage();
    expect(isSame, 'run this test with PICKET_UPDATE_DOCS=1').toBe(true);
  });

  it('has an example of every fact, of its type, and an event with all of them is one', () => {
    const facts = new Map(
      PLATFORMS.flatMap((platform) =>
        triggersOf(platform).flatMap((trigger) =>
          offered(trigger, platform).map((fact) => [fact.name, fact]),
        ),
      ),
    );
    expect([...facts.values()].filter(({ name, type }) => typeOf(exampleOf(name)) !== TYPES[type])).toEqual(
      [],
    );
    const event = {};
    for (const name of facts.keys()) put(event, name.split('.'), exampleOf(name));
    const encoded = new EncodedFacts();
    encoded.reset(encodeEvent(event));
    // The host is told beside the events, and what an example is of decides these four.
    const isApart = (name: string): boolean =>
      /^(?:host\.|auditd\.log$|picket\.trigger$|event\.(?:action|category)$)/.test(name);
    for (const { name, slot } of facts.values()) {
      if (!isApart(name)) expect([name, encoded.get(slot)]).toEqual([name, exampleOf(name)]);
    }
  });

  it('leads to each trigger', () => {
    const text = factsPage();
    const anchors = [...text.matchAll(/^## (.+)$/gm)].map(([, title = '']) =>
      title
        .toLowerCase()
        .replace(/[^\w -]/g, '')
        .replace(/ /g, '-'),
    );
    const links = [...text.matchAll(/\]\(#([^)]+)\)/g)].map(([, link]) => link);
    expect(new Set(links)).toEqual(new Set(anchors));
    expect(new Set(anchors).size).toBe(anchors.length);
  });
});

const TYPES: Readonly<Record<string, string>> = {
  text: 'text',
  time: 'text',
  number: 'number',
  boolean: 'boolean',
  'text[]': 'list',
  'object[]': 'list',
  any: 'object',
};

function typeOf(value: unknown): string {
  if (Array.isArray(value)) return 'list';
  return typeof value === 'string' ? 'text' : typeof value;
}

function put(event: object, [step = '', ...more]: readonly string[], value: unknown): void {
  const at = event as Record<string, object>;
  if (more.length === 0) Object.assign(event, { [step]: value });
  else {
    at[step] ??= {};
    put(at[step], more, value);
  }
}

function unaligned(text: string): string {
  return text.replace(/ +/g, ' ').replace(/-{3,}/g, '---');
}
