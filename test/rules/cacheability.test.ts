import { describe, expect, test } from 'vitest';
import type { Platform, Trigger } from '../../src/events/triggers.ts';
import { type Cacheability, cacheabilityOf, isCacheable } from '../../src/rules/cacheability.ts';
import { compileRules } from '../../src/rules/compile.ts';
import { parseRules, requireRuleSet } from '../../src/rules/load.ts';

function judge(
  conditions: string,
  options: { trigger?: Trigger; platform?: Platform; type?: string; named?: string } = {},
): Cacheability {
  const { trigger = 'auth.exec', platform = 'macos', type = 'deny', named = '{}' } = options;
  const text = `{ conditions: ${named}, rules: [ { name: one, on: [${trigger}], platforms: [${platform}], conditions: ${conditions}, event: { type: ${type} } } ] }`;
  const { rules, conditions: known } = requireRuleSet(parseRules([{ file: 'r.yaml', text }]));
  const found = cacheabilityOf(trigger, rules, known, platform);
  expect(isCacheable(trigger, rules, known, platform)).toBe(found.cacheable);
  return found;
}

const leaf = (fact: string, path: string, value = 'x'): string =>
  `{ fact: ${fact}, path: $.${path}, operator: equal, value: ${value} }`;

describe('a verdict may be cached', () => {
  test.each([
    ['the content of the file', leaf('file', 'code_signature.cdhash')],
    ['the content of what is started', leaf('process', 'code_signature.team_id')],
    ['what every event of the trigger has alike', leaf('event', 'action')],
    ['which file it is', leaf('file', 'inode', '"1"')],
  ])('where rules read only %s', (_, condition) => {
    expect(judge(`{ all: [ ${condition} ] }`)).toEqual({ cacheable: true, level: 'kernel', because: [] });
  });

  test('where no rule asks', () => {
    expect(cacheabilityOf('auth.open', [], {}, 'linux').cacheable).toBe(true);
  });
});

describe('a verdict may not be cached, and the fact is named,', () => {
  test.each([
    ['process.args', '{ fact: process, path: $.args, operator: contains, value: x }'],
    ['process.user.id', leaf('process', 'user.id')],
    ['process.parent.executable', leaf('process', 'parent.executable')],
    ['process.parent.code_signature.team_id', leaf('process', 'parent.code_signature.team_id')],
    ['file.path', leaf('file', 'path')],
    ['file.name', leaf('file', 'name')],
    ['process.executable', leaf('process', 'executable')],
    ['file.mode', leaf('file', 'mode', '"0644"')],
    ['event.created', leaf('event', 'created')],
    ['es.event.exec.x', leaf('es', 'event.exec.x')],
    ['process', '{ fact: process, operator: exists, value: true }'],
  ])('where a rule reads %s', (fact, condition) => {
    const { cacheable, level, because } = judge(
      `{ all: [ ${leaf('file', 'code_signature.cdhash')}, ${condition} ] }`,
    );
    expect({ cacheable, level }).toEqual({ cacheable: false, level: 'none' });
    expect(because.map((one) => [one.fact, one.rule])).toEqual([[fact, 'one']]);
    expect(because[0]?.reason).toMatch(/^[a-z]/);
  });

  test('where it is the actor that has the signature, and not the file', () => {
    const options = { trigger: 'auth.open' } as const;
    expect(judge(`{ all: [ ${leaf('process', 'code_signature.team_id')} ] }`, options).cacheable).toBe(false);
  });

  test('where it stands in a named condition, under not, or as the other side of a comparison', () => {
    const named = `{ n: { not: ${leaf('process', 'user.id')} } }`;
    expect(judge('{ condition: n }', { named }).because.map(({ fact }) => fact)).toEqual(['process.user.id']);
    const compared = leaf('file', 'code_signature.team_id', '{ fact: process, path: $.user.name }');
    expect(judge(`{ all: [ ${compared} ] }`).because.map(({ fact }) => fact)).toEqual(['process.user.name']);
  });

  test('where only an alert or a rule in shadow mode reads it: a hit would hide the event from them', () => {
    expect(judge(`{ all: [ ${leaf('file', 'path')} ] }`, { type: 'alert' }).cacheable).toBe(false);
  });
});

test('rules of other triggers and platforms do not count', () => {
  const text = `- { name: one, on: [auth.open], platforms: [macos], conditions: { all: [ ${leaf('file', 'path')} ] }, event: { type: deny } }`;
  const { rules, conditions } = requireRuleSet(parseRules([{ file: 'r.yaml', text }]));
  expect(cacheabilityOf('auth.exec', rules, conditions, 'macos').cacheable).toBe(true);
  expect(cacheabilityOf('auth.open', rules, conditions, 'linux').cacheable).toBe(true);
  expect(cacheabilityOf('auth.open', rules, conditions, 'macos').cacheable).toBe(false);
});

test('named conditions that use each other twice, thirty deep, are read in no time', () => {
  const named = Object.fromEntries(
    Array.from({ length: 30 }, (_, depth) => [
      `n${depth}`,
      depth === 0
        ? { all: [{ fact: 'file', path: '$.path', operator: 'equal', value: 'x' }] }
        : { any: [{ condition: `n${depth - 1}` }, { not: { condition: `n${depth - 1}` } }] },
    ]),
  );
  const rules = JSON.stringify({
    conditions: named,
    rules: [{ name: 'one', on: ['auth.open'], conditions: { condition: 'n29' }, event: { type: 'deny' } }],
  });
  const set = requireRuleSet(parseRules([{ file: 'r.json', text: rules }]));
  expect(cacheabilityOf('auth.open', set.rules, set.conditions, 'linux').because).toHaveLength(1);
});

describe('on Linux, where a lease keeps nobody from emptying a file,', () => {
  const isKept = (condition: string): boolean => {
    const text = `[ { name: one, on: [auth.open], conditions: { all: [ ${condition} ] }, event: { type: deny } } ]`;
    const ruleSet = requireRuleSet(parseRules([{ file: 'r.yaml', text }]));
    return compileRules(ruleSet, { platform: 'linux', lane: 'auth' }).isCacheable('auth.open');
  };
  const size = (operator: string, value: string): string =>
    `{ fact: file, path: $.size, operator: ${operator}, value: ${value} }`;

  test.each([
    ['equal', '1000', true],
    ['greaterThan', '0', true],
    ['lessThan', '1000', false],
    ['notEqual', '7', false],
    ['in', '[ 7, 0 ]', false],
  ])('a rule on sizes %s %s leaves an answer to be kept: %s', (operator, value, kept) => {
    expect(isKept(size(operator, value))).toBe(kept);
  });

  test.each([
    ['equal', 'a'.repeat(64), true],
    ['notEqual', 'a'.repeat(64), false],
    ['equal', 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855', false],
  ])('a rule on hashes %s %s leaves an answer to be kept: %s', (operator, value, kept) => {
    const condition = `{ fact: file, path: $.hash.sha256, operator: ${operator}, value: ${value} }`;
    expect(isKept(condition)).toBe(kept);
  });

  test('a rule on which file it is, or on its name, leaves none', () => {
    expect(isKept(leaf('file', 'inode', '"1"'))).toBe(false);
    expect(isKept(leaf('file', 'name'))).toBe(false);
  });
});
