// The shipped packs: right, tested, and tested so that no condition could be left out unnoticed.
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, it } from 'vitest';
import { checkRules } from '../../src/rules/check/check.ts';
import type { Condition, Leaf, NamedConditions, RootCondition } from '../../src/rules/conditions.ts';
import { type LoadedRules, loadRules } from '../../src/rules/load.ts';
import { PLATFORMS, type RuleDefinition, type RuleSet } from '../../src/rules/schema.ts';
import { testRules } from '../../src/rules/testing.ts';
import { TACTICS_OF_TECHNIQUE } from '../data/attack-techniques.ts';

const folderOf = (platform: string): string =>
  fileURLToPath(new URL(`../../rules/${platform}`, import.meta.url));

describe.each(PLATFORMS)('the pack for %s', (platform) => {
  let loaded: LoadedRules;
  let rules: readonly RuleDefinition[];
  beforeAll(async () => {
    loaded = await loadRules([folderOf(platform)]);
    rules = loaded.ruleSet.rules;
  });

  it('has no errors and no warnings', () => {
    expect([...loaded.problems, ...checkRules(loaded)]).toEqual([]);
  });

  it('is of a size that deserves the name', () => {
    expect(rules.length).toBeGreaterThanOrEqual(16);
  });

  it('passes its own tests', async () => {
    const results = await testRules(loaded.ruleSet);
    expect(results.filter(({ status }) => status !== 'passed')).toEqual([]);
  });

  it('applies to its platform alone, and says so in the names of its rules', () => {
    const wrong = rules.filter(
      (rule) => rule.platforms.join() !== platform || !rule.name.startsWith(`${platform}-`),
    );
    expect(wrong.map(({ name }) => name)).toEqual([]);
  });

  it('has a reason, false positives and references for each rule', () => {
    const wrong = rules.filter(
      (rule) =>
        rule.description.length < 80 || rule.falsePositives.length === 0 || rule.references.length === 0,
    );
    expect(wrong.map(({ name }) => name)).toEqual([]);
  });

  it('names for each rule but those that drop ATT&CK techniques, and tactics of theirs and no others', () => {
    const wrong = rules.flatMap(({ name, tags, event }) => {
      const tactics = attackTags(tags).filter((tag) => !/^t\d/.test(tag));
      const techniques = attackTags(tags).filter((tag) => /^t\d/.test(tag));
      const own = techniques.map((id) => TACTICS_OF_TECHNIQUE.get(id.toUpperCase()) ?? []);
      const lonely = techniques.filter((_, index) => !own[index]?.some((one) => tactics.includes(one)));
      const foreign = tactics.filter((tactic) => !own.some((those) => those.includes(tactic)));
      const isMissing = techniques.length === 0 && event.type !== 'drop';
      return [...lonely, ...foreign, ...(isMissing ? ['no technique'] : [])].map(
        (what) => `${name}: ${what}`,
      );
    });
    expect(wrong).toEqual([]);
  });

  it('refers to pages of ATT&CK only of techniques that it names', () => {
    const wrong = rules.flatMap(({ name, tags, references }) => {
      const pages = references.flatMap(
        (url) => ATTACK_PAGE.exec(url)?.slice(1).filter(Boolean).join('.') ?? [],
      );
      return pages.filter((id) => !tags.includes(`attack.${id.toLowerCase()}`)).map((id) => `${name}: ${id}`);
    });
    expect(wrong).toEqual([]);
  });

  it('tests both sides of each rule', () => {
    const wrong = rules.filter(
      ({ event, tests }) =>
        !tests.some((test) => test.expect === event.type) || !tests.some((test) => test.expect === 'none'),
    );
    expect(wrong.map(({ name }) => name)).toEqual([]);
  });

  it('notices in its tests when any single condition always holds, or never', async () => {
    const unnoticed: string[] = [];
    for (const rule of rules) {
      for (const { description, conditions } of mutants(rule.conditions, loaded.ruleSet.conditions)) {
        if (await isNoticed({ ...rule, conditions, own: conditions }, loaded.ruleSet)) continue;
        unnoticed.push(`${rule.name}: ${description}`);
      }
    }
    expect(unnoticed).toEqual([]);
  });

  it('explains each deny that is only in shadow mode', () => {
    const shadow = rules.filter(({ mode }) => mode === 'shadow');
    expect(shadow.length).toBeGreaterThan(0);
    expect(shadow.filter(({ description }) => !/shadow mode/.test(description))).toEqual([]);
  });
});

const ATTACK_PAGE = /^https:\/\/attack\.mitre\.org\/techniques\/(T\d+)(?:\/(\d+))?/;

const attackTags = (tags: readonly string[]): readonly string[] =>
  tags.filter((tag) => tag.startsWith('attack.')).map((tag) => tag.slice('attack.'.length));

const TRUE: RootCondition = { all: [] };
const FALSE: RootCondition = { not: TRUE };

interface Mutant {
  readonly description: string;
  readonly conditions: RootCondition;
}

/** The condition with each of its leaves in turn made true and made false; named conditions are written out. */
function mutants(root: RootCondition, named: NamedConditions): Mutant[] {
  const whole = expand(root, named);
  // `exists` beside a negation is redundant on purpose: it says what is meant where the fact is missing.
  const leaves = leavesOf(whole).filter(({ operator }) => operator !== 'exists');
  return leaves.flatMap((leaf) =>
    [TRUE, FALSE].map((constant) => ({
      description: `${leaf.fact} ${leaf.path} ${leaf.operator} ${leaf.value} as ${constant === TRUE}`,
      conditions: replace(whole, leaf, constant) as RootCondition,
    })),
  );
}

/** A copy in which each leaf is an object of its own. */
function expand(condition: Condition, named: NamedConditions): RootCondition {
  return copy(condition) as RootCondition;
  function copy(part: Condition): Condition {
    if ('all' in part) return { all: part.all.map(copy) };
    if ('any' in part) return { any: part.any.map(copy) };
    if ('not' in part) return { not: copy(part.not) };
    if ('condition' in part) return copy(named[part.condition] ?? FALSE);
    return { ...part };
  }
}

function leavesOf(condition: Condition): Leaf[] {
  if ('all' in condition) return condition.all.flatMap(leavesOf);
  if ('any' in condition) return condition.any.flatMap(leavesOf);
  if ('not' in condition) return leavesOf(condition.not);
  return 'fact' in condition ? [condition] : [];
}

function replace(condition: Condition, leaf: Leaf, by: Condition): Condition {
  if (condition === leaf) return by;
  if ('all' in condition) return { all: condition.all.map((part) => replace(part, leaf, by)) };
  if ('any' in condition) return { any: condition.any.map((part) => replace(part, leaf, by)) };
  return 'not' in condition ? { not: replace(condition.not, leaf, by) } : condition;
}

async function isNoticed(mutant: RuleDefinition, ruleSet: RuleSet): Promise<boolean> {
  const results = await testRules({ ...ruleSet, rules: [mutant] });
  return results.some(({ status }) => status === 'failed');
}
