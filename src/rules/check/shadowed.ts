// Deciding rules that never decide: wherever one matches, another that goes before it matches too. What is said is
// certain, except that paths which could not be resolved put rules on paths in doubt.

import { visitLeaves } from '../conditions.ts';
import { byDecisiveness, isAuthTrigger, isDeciding } from '../decision.ts';
import { contradictionIn } from '../logic/contradiction.ts';
import { entails } from '../logic/implication.ts';
import type { Normal } from '../logic/normal-form.ts';
import { formatPlace, type RuleProblem } from '../rule-problem.ts';
import type { RuleDefinition } from '../schema.ts';
import { doubtsOf } from '../unresolved-path.ts';
import { ConclusionIndex } from './conclusion-index.ts';
import { type CheckContext, warning } from './finding.ts';

// Of rules that share their most telling test as many are looked at; more would take long and find little.
const CANDIDATES_MAX = 100;

interface Ranked {
  readonly rule: RuleDefinition;
  readonly normal: Normal;
}

export function checkShadowed(context: CheckContext): RuleProblem[] {
  const { rules, forms } = context;
  const ranked = rules
    .filter(({ mode, event }) => mode === 'enforce' && isDeciding(event.type))
    .sort(byDecisiveness)
    .map((rule): Ranked => ({ rule, normal: forms.of(rule.conditions) }));
  const index = new ConclusionIndex(ranked.map(({ normal }) => normal));
  return ranked.flatMap(({ rule, normal }, rank) => {
    for (const number of index.candidates(normal, rank, CANDIDATES_MAX)) {
      const winner = ranked[number];
      // They come in the order in which rules decide.
      if (winner === undefined || byDecisiveness(winner.rule, rule) >= 0) break;
      if (isWhere(rule, winner.rule) && entails(normal, winner.normal)) {
        // From what never holds everything follows; that it never holds is said elsewhere.
        if (contradictionIn([normal]) !== undefined) return [];
        return [shadowedBy(rule, winner.rule, context)];
      }
    }
    return [];
  });
}

function isWhere(rule: RuleDefinition, winner: RuleDefinition): boolean {
  return (
    rule.on.every((trigger) => winner.on.includes(trigger)) &&
    rule.platforms.every((platform) => winner.platforms.includes(platform))
  );
}

function shadowedBy(rule: RuleDefinition, winner: RuleDefinition, context: CheckContext): RuleProblem {
  const how =
    winner.priority > rule.priority
      ? `with priority ${winner.priority} against ${rule.priority}`
      : `where both have priority ${rule.priority} ${winner.event.type} wins`;
  const doubt =
    winner.event.type !== rule.event.type && readsPathsInDoubt(rule, context)
      ? '; only where a path could not be resolved may it still decide'
      : '';
  const message = `${rule.name} never decides: ${winner.name}, at ${formatPlace(winner.place)}, matches whatever it matches, and ${how}${doubt}`;
  return warning(
    rule.place,
    'shadowed-rule',
    message,
    `a higher priority than ${winner.priority}, or no such rule`,
  );
}

function readsPathsInDoubt(rule: RuleDefinition, { loaded }: CheckContext): boolean {
  let found = false;
  visitLeaves(rule.conditions, loaded.ruleSet.conditions, (leaf) => {
    found ||= rule.on.some((trigger) => isAuthTrigger(trigger) && doubtsOf(leaf, trigger).length > 0);
  });
  return found;
}
