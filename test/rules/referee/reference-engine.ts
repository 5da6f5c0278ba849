// json-rules-engine with a whole rule set in it: what compiled rules are held to. Its own operators are its own; those
// that Picket adds are written here a second time, by other means, so that a mistake in one is not a mistake in both.

import { BlockList, isIP } from 'node:net';
import { Engine, Operator, OperatorDecorator, type RuleProperties, type RuleResult } from 'json-rules-engine';
import type { FactValue } from '../../../src/events/facts.ts';
import { isFactReference, visitLeaves } from '../../../src/rules/conditions.ts';
import type { RuleSet } from '../../../src/rules/schema.ts';

export interface ReferenceEngine {
  /** Every rule's result, the conditions in it with what each found; rules that matched first. */
  run(lookUp: (fact: string) => FactValue): Promise<readonly RuleResult[]>;
}

export function referenceEngine(ruleSet: RuleSet): ReferenceEngine {
  const engine = createEngine();
  for (const [name, condition] of Object.entries(ruleSet.conditions)) {
    engine.setCondition(name, structuredClone(condition) as Parameters<Engine['setCondition']>[1]);
  }
  for (const { name, conditions, event, priority } of ruleSet.rules) {
    engine.addRule(structuredClone({ name, conditions, event, priority }) as RuleProperties);
  }
  const facts = factsOf(ruleSet);
  return {
    run: async (lookUp) => {
      const { results, failureResults } = await engine.run(
        Object.fromEntries(facts.map((fact) => [fact, lookUp(fact)])),
      );
      return [...results, ...failureResults];
    },
  };
}

function factsOf(ruleSet: RuleSet): readonly string[] {
  const facts = new Set<string>();
  for (const { conditions } of ruleSet.rules) {
    visitLeaves(conditions, ruleSet.conditions, ({ fact, value }) => {
      facts.add(fact);
      if (isFactReference(value)) facts.add(value.fact);
    });
  }
  return [...facts];
}

type Test = (fact: FactValue, value: FactValue) => boolean;

function createEngine(): Engine {
  const engine = new Engine([], { allowUndefinedFacts: true });
  for (const [name, test] of Object.entries({ ...TAMED, ...ADDED })) {
    engine.addOperator(new Operator<FactValue, FactValue>(name, test));
  }
  for (const decorator of DECORATORS) engine.addOperatorDecorator(decorator);
  return engine;
}

const isList = (value: FactValue): value is readonly FactValue[] => Array.isArray(value);
const isObject = (value: FactValue): boolean => typeof value === 'object' && value !== null;
const same: Test = (fact, value) => !isObject(fact) && fact === value;

/** json-rules-engine's own, where Picket's differ on purpose: they never throw, and objects equal nothing. */
const TAMED: Readonly<Record<string, Test>> = {
  equal: same,
  notEqual: (fact, value) => !same(fact, value),
  in: isIn,
  notIn: (fact, value) => !isIn(fact, value),
  contains: (fact, value) => isList(fact) && fact.some((entry) => same(entry, value)),
  doesNotContain: (fact, value) => isList(fact) && !fact.some((entry) => same(entry, value)),
};

function isIn(fact: FactValue, value: FactValue): boolean {
  if (isList(value)) return value.some((entry) => same(entry, fact));
  return typeof value === 'string' && value.indexOf(fact as string) > -1;
}

const onTexts =
  (test: (fact: string, value: string) => boolean): Test =>
  (fact, value) =>
    typeof fact === 'string' && typeof value === 'string' && test(fact, value);

const ADDED: Readonly<Record<string, Test>> = {
  startsWith: onTexts((fact, value) => fact.slice(0, value.length) === value),
  endsWith: onTexts((fact, value) => value === '' || fact.slice(-value.length) === value),
  includes: onTexts((fact, value) => fact.split(value).length > 1 || value === ''),
  matches: onTexts((fact, value) => new RegExp(value, 'u').test(fact)),
  'ignoreCase:matches': onTexts((fact, value) => new RegExp(value, 'iu').test(fact)),
  inCidr: (fact, value) => (isList(value) ? value : [value]).some((one) => onTexts(isInCidr)(fact, one)),
  exists: (fact, value) => (value === true ? fact != null : value === false ? fact == null : false),
};

type Family = 'ipv4' | 'ipv6';

interface Network {
  readonly family: Family;
  readonly list: BlockList;
}

const networks = new Map<string, Network | undefined>();

/** A BlockList of IPv6 holds IPv4 addresses, too; a network of rules holds its own family. */
function isInCidr(address: string, written: string): boolean {
  if (!networks.has(written)) networks.set(written, networkOf(written));
  const network = networks.get(written);
  const plain = unmapped(address);
  return (
    network !== undefined && familyOf(plain) === network.family && network.list.check(plain, network.family)
  );
}

function networkOf(written: string): Network | undefined {
  const [address = '', prefix] = written.split('/');
  const plain = unmapped(address);
  const family = familyOf(plain);
  if (family === undefined) return undefined;
  const bits = family === 'ipv4' ? 32 : 128;
  const length =
    prefix === undefined ? bits : Number(prefix) - (isIP(address) === 6 && family === 'ipv4' ? 96 : 0);
  if (!(length >= 0 && length <= bits)) return undefined;
  const list = new BlockList();
  list.addSubnet(plain, length, family);
  return { family, list };
}

function familyOf(address: string): Family | undefined {
  const version = isIP(address);
  return version === 4 ? 'ipv4' : version === 6 ? 'ipv6' : undefined;
}

/** An IPv4 address in the form of IPv6, however it is written, counts as what it is. */
function unmapped(address: string): string {
  if (isIP(address) !== 6) return address;
  const bare = address.replace(/%.*$/, '');
  const mapped = /^\[::ffff:([0-9a-f]+):([0-9a-f]+)\]$/.exec(new URL(`http://[${bare}]`).hostname);
  if (mapped === null) return bare;
  const words = mapped.slice(1).map((word) => Number.parseInt(word, 16));
  return words.flatMap((word) => [word >> 8, word & 255]).join('.');
}

/** As operators.test.ts proves it context-free. */
function folded(value: FactValue): FactValue {
  if (typeof value === 'string') return value.toLowerCase().toUpperCase();
  return isList(value) ? value.map(folded) : value;
}

const DECORATORS = [
  new OperatorDecorator<FactValue, FactValue, FactValue, FactValue>('ignoreCase', (fact, value, next) =>
    next(folded(fact), folded(value)),
  ),
  // As json-rules-engine's, but of a value that is no list they say no.
  new OperatorDecorator<FactValue, FactValue, FactValue, FactValue>(
    'someValue',
    (fact, value, next) => isList(value) && value.some((entry) => next(fact, entry)),
  ),
  new OperatorDecorator<FactValue, FactValue, FactValue, FactValue>(
    'everyValue',
    (fact, value, next) => isList(value) && value.every((entry) => next(fact, entry)),
  ),
];
