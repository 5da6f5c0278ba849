// What costs time while a program waits for its answer.

import { isFactReference, type Leaf, type NamedConditions, visitLeaves } from '../conditions.ts';
import { readsHash } from '../content-hashes.ts';
import { isAuthTrigger } from '../decision.ts';
import { accessOf, factName } from '../fact-access.ts';
import { KeyChooser } from '../index/rule-key.ts';
import { needsReferee } from '../predicate.ts';
import type { RuleProblem } from '../rule-problem.ts';
import type { RuleDefinition } from '../schema.ts';
import { worstCaseOf } from '../worst-case.ts';
import { type CheckContext, note, warning } from './finding.ts';

// About ten milliseconds, a tenth of what an open waits at most.
const STEPS_MAX = 2_000_000;
/** Searches of a text, which no regular expression is needed for. */
const STEPS_WORTH_A_WORD = 50_000;

const HASH = /(?:^|\.)hash\./;

export function checkCosts({ rules, loaded }: CheckContext): RuleProblem[] {
  return rules.filter(({ on }) => on.some(isAuthTrigger)).flatMap((rule) => checkRule(rule, loaded));
}

function checkRule(rule: RuleDefinition, { ruleSet, places }: CheckContext['loaded']): RuleProblem[] {
  const found: RuleProblem[] = [];
  const hashes = hasFewHashes(rule, ruleSet.conditions) ? 'few' : 'many';
  visitLeaves(rule.conditions, ruleSet.conditions, (leaf) => {
    const [what, instead] = costOf(leaf, hashes) ?? [];
    if (what === undefined) return;
    const message = `${rule.name}: ${what}, while a program waits`;
    found.push(warning(places.get(leaf)?.('fact') ?? rule.place, 'costly-fact', message, instead));
  });
  const { steps, costliest } = worstCaseOf(rule, ruleSet.conditions);
  if (steps < STEPS_WORTH_A_WORD) return found;
  const most = `at worst ${steps.toLocaleString('en')} steps an event, most of them for ${costliest}`;
  if (steps > STEPS_MAX) {
    const expected = `at most ${STEPS_MAX.toLocaleString('en')} steps: shorter patterns, or \`startsWith\`, \`endsWith\`, \`in\``;
    found.push(warning(rule.place, 'costly-pattern', `${rule.name} takes ${most}`, expected));
  } else found.push(note(rule.place, 'worst-case', `${rule.name} takes ${most}`));
  return found;
}

/** Nothing waits for the hash of a report; and for a verdict it is read only where the rule's other conditions leave it open. */
function hasFewHashes({ conditions, event: { type } }: RuleDefinition, named: NamedConditions): boolean {
  if (type !== 'allow' && type !== 'deny') return true;
  const keys = new KeyChooser([{ conditions }], named, (leaf) => !readsHash(leaf));
  return !('reason' in keys.keyOf(conditions));
}

function costOf(leaf: Leaf, hashes: 'few' | 'many'): readonly [what: string, instead: string] | undefined {
  const facts = [{ fact: leaf.fact, path: leaf.path }, ...(isFactReference(leaf.value) ? [leaf.value] : [])];
  for (const { fact, path } of facts) {
    const name = accessOf(fact, path)?.slot?.name ?? factName(fact, path);
    if (HASH.test(name) && hashes === 'many')
      return [`${name} is computed from the whole file`, 'a cheaper test before it, such as a path'];
    if (name === 'process.env_vars')
      return [`${name} is read and may be large`, 'another fact, or a notify rule'];
  }
  if (!needsReferee(leaf)) return undefined;
  const what = `${factName(leaf.fact, leaf.path)} can't be compiled and goes to the slow lane`;
  return [what, 'a path without filters, wildcards and slices'];
}
