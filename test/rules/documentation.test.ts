// docs/rules.md: its examples are rules that load and whose tests pass, its tables those by which rules are checked.
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { DECORATORS } from '../../src/rules/decorators.ts';
import { parseRules } from '../../src/rules/load.ts';
import { OPERATORS } from '../../src/rules/operators.ts';
import { EVENT_TYPES, RULE_KEYS } from '../../src/rules/schema.ts';
import { testRules } from '../../src/rules/testing.ts';
import { withReference } from './facts-reference.ts';

const path = fileURLToPath(new URL('../../docs/rules.md', import.meta.url));
const page = readFileSync(path, 'utf8');
const examples = [...page.matchAll(/^```yaml\n([\s\S]*?)^```/gm)].map((match) => match[1] ?? '');

describe('the page on rules', () => {
  it('has examples', () => {
    expect(examples.length).toBeGreaterThan(2);
  });

  it.each(examples)('has examples that load and whose tests pass: %#', async (text) => {
    const loaded = parseRules([{ file: 'docs/rules.md', text }]);
    expect(loaded.problems).toEqual([]);
    const results = await testRules(loaded.ruleSet);
    expect(results.filter(({ status }) => status === 'failed')).toEqual([]);
    expect(results.length).toBeGreaterThan(1);
  });

  it.each([
    ['key', RULE_KEYS.filter((key) => key !== 'falsepositives')],
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

function unaligned(text: string): string {
  return text.replace(/ +/g, ' ').replace(/-{3,}/g, '---');
}
