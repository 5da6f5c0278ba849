// Which auth rules make every event be asked about, and which fact of theirs does.

import type { Platform, Trigger } from '../../events/triggers.ts';
import { type CacheObstacle, cacheabilityOf } from '../cacheability.ts';
import { isAuthTrigger } from '../decision.ts';
import type { RuleProblem } from '../rule-problem.ts';
import { PLATFORMS, type RuleDefinition } from '../schema.ts';
import { type CheckContext, note } from './finding.ts';

const FACTS_SHOWN = 3;

export function checkCaching({ rules, platform, loaded }: CheckContext): RuleProblem[] {
  const places = new Map(rules.map((rule) => [rule.name, rule.place]));
  const found: RuleProblem[] = [];
  for (const one of PLATFORMS) {
    if (platform !== undefined && platform !== one) continue;
    for (const trigger of askedTriggers(rules, one)) {
      const { because } = cacheabilityOf(trigger, rules, loaded.ruleSet.conditions, one);
      for (const [rule, obstacles] of byRule(because)) {
        const place = places.get(rule);
        if (place === undefined) continue;
        const shown = obstacles.slice(0, FACTS_SHOWN).map(({ fact, reason }) => `${fact} (${reason})`);
        const more = obstacles.length - shown.length;
        const reads = more > 0 ? `${shown.join(', ')} and ${more} more` : shown.join(', ');
        const message = `${rule} reads ${reads}: no verdict on ${trigger} may be cached on ${one}`;
        found.push(note(place, 'uncached-auth', message));
      }
    }
  }
  return found;
}

/** Where no rule can deny nobody is asked, and nothing is to be cached. */
function askedTriggers(rules: readonly RuleDefinition[], platform: Platform): ReadonlySet<Trigger> {
  return new Set(
    rules
      .filter(({ platforms, event }) => platforms.includes(platform) && event.type === 'deny')
      .flatMap(({ on }) => on)
      .filter(isAuthTrigger),
  );
}

function byRule(obstacles: readonly CacheObstacle[]): ReadonlyMap<string, readonly CacheObstacle[]> {
  const rules = new Map<string, CacheObstacle[]>();
  for (const obstacle of obstacles) {
    const known = rules.get(obstacle.rule);
    if (known === undefined) rules.set(obstacle.rule, [obstacle]);
    else known.push(obstacle);
  }
  return rules;
}
