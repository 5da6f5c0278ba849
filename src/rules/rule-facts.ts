// Where a rule applies, from what it says and from the facts it reads; and every mistake in those facts.

import { offered, whereOffered } from '../events/fact-table.ts';
import type { Platform, Trigger } from '../events/triggers.ts';
import type { LeafPlaces } from './condition-context.ts';
import { checkLeaf, explainAbsent, type LeafFinding } from './condition-facts.ts';
import type { Leaf } from './conditions.ts';
import { knownTriggers } from './known-triggers.ts';
import { sureName } from './nearest.ts';
import type { Place } from './rule-document.ts';
import { oneOf, type RuleProblem } from './rule-problem.ts';
import { PLATFORMS } from './schema.ts';

export interface RuleReach {
  readonly name: string;
  readonly on: readonly Trigger[];
  /** As written; undefined: not said. */
  readonly platforms: readonly Platform[] | undefined;
  readonly leaves: readonly Leaf[];
  readonly place: Place;
  placeOfTrigger(trigger: Trigger): Place;
}

export interface ReachFinding {
  readonly platforms: readonly Platform[];
  readonly problems: readonly RuleProblem[];
}

/** What one platform says of the rule. */
interface PlatformFinding {
  readonly platform: Platform;
  /** Mistakes wherever the rule applies. */
  readonly problems: RuleProblem[];
  /** Why the rule can't be meant for this platform: something that it does not have at all. */
  readonly foreign: RuleProblem[];
}

/** @param only report what concerns this platform; the others are looked at to tell a mistake from a foreign rule. */
export function findReach(rule: RuleReach, places: LeafPlaces, only: Platform | undefined): ReachFinding {
  const considered = rule.platforms ?? PLATFORMS;
  const findings = considered.map((platform) => lookAt(rule, places, platform));
  if (rule.platforms !== undefined) {
    const problems = findings
      .filter(({ platform }) => only === undefined || platform === only)
      .flatMap((finding) => [...finding.problems, ...finding.foreign]);
    return { platforms: rule.platforms, problems };
  }
  const own = findings.filter(({ foreign }) => foreign.length === 0);
  if (own.length === 0) {
    // Nowhere at home: the platform with the fewest objections is the one that was meant.
    const [closest] = [...findings].sort((a, b) => a.foreign.length - b.foreign.length);
    return { platforms: [], problems: [...(closest?.problems ?? []), ...(closest?.foreign ?? [])] };
  }
  const problems = own
    .filter(({ platform }) => only === undefined || platform === only)
    .flatMap((finding) => finding.problems);
  const platforms = own.map(({ platform }) => platform);
  for (const { platform, foreign } of findings) {
    const [reason] = foreign;
    if (reason === undefined || (only !== undefined && platform !== only)) continue;
    problems.push({
      ...rule.place,
      code: 'platform-implied',
      message: `${rule.name} does not apply on ${platform}: ${reason.message.replace(/;.*$/, '')}`,
      expected: `\`platforms: [${platforms.join(', ')}]\`, if that is meant`,
      severity: 'warning',
      fix: { kind: 'insert', key: 'platforms', value: `[${platforms.join(', ')}]`, after: 'on' },
    });
  }
  return { platforms, problems };
}

function lookAt(rule: RuleReach, places: LeafPlaces, platform: Platform): PlatformFinding {
  const problems: RuleProblem[] = [];
  const foreign: RuleProblem[] = [];
  const known = knownTriggers(platform);
  for (const trigger of rule.on) {
    if (!known.has(trigger)) {
      foreign.push({
        ...rule.placeOfTrigger(trigger),
        code: 'trigger-elsewhere',
        message: `${trigger} does not exist on ${platform}`,
        found: trigger,
        expected: `a trigger of ${platform}, such as ${oneOf([...known].slice(0, 4))}`,
        severity: 'error',
      });
      continue;
    }
    for (const leaf of rule.leaves) {
      const placeOf = places.get(leaf) ?? (() => rule.place);
      const finding = checkLeaf(leaf, trigger, platform, placeOf);
      problems.push(...finding.problems);
      for (const fact of finding.absent) {
        const offered = whereOffered(fact.name);
        const isHere = offered.some((place) => place.platform === platform);
        const isThere = offered.some((place) => place.platform !== platform && place.trigger === trigger);
        const everywhere = rule.platforms === undefined && !isHere && !isThere;
        const problem: RuleProblem = {
          ...placeOf(fact.key),
          ...explainAbsent(fact, trigger, platform, everywhere),
          ...fixOfFact(leaf, fact, trigger, platform),
          ...(isHere && isThere && rule.platforms === undefined
            ? { expected: `another trigger, or \`platforms: [${otherThan(platform)}]\`` }
            : {}),
          severity: 'error',
        };
        if (isHere) problems.push(problem);
        else foreign.push(problem);
      }
    }
  }
  return { platform, problems, foreign };
}

/** A name that is surely meant, split as the condition splits it; another split is no change of one word. */
function fixOfFact(
  leaf: Leaf,
  absent: LeafFinding['absent'][number],
  trigger: Trigger,
  platform: Platform,
): Pick<RuleProblem, 'fix'> {
  const names = offered(trigger, platform).map(({ name }) => name);
  const meant = absent.key === 'value' ? undefined : sureName(absent.name, names);
  if (meant === undefined) return {};
  if (absent.key === 'path') {
    if (!meant.startsWith(`${leaf.fact}.`)) return {};
    return { fix: { kind: 'replace', by: `$${meant.slice(leaf.fact.length)}` } };
  }
  const below = (leaf.path ?? '$').slice(1);
  return meant.endsWith(below)
    ? { fix: { kind: 'replace', by: meant.slice(0, meant.length - below.length) } }
    : {};
}

function otherThan(platform: Platform): Platform {
  return platform === 'linux' ? 'macos' : 'linux';
}
