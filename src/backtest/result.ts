// The result of a backtest, as data: what `--json` prints.

import { decodeEvent } from '../events/decode-event.ts';
import type { EcsEvent } from '../events/ecs-event.ts';
import type { Trigger } from '../events/triggers.ts';
import type { RuleDifferences } from '../plan/rule-differences.ts';
import type { RuleDefinition, RuleSet } from '../rules/schema.ts';
import type { Backtest, BacktestOptions } from './backtest.ts';
import { type ExceptionHint, exceptionHints } from './exception-hints.ts';
import type { RuleTime } from './rule-clock.ts';
import type { Change, Example, RuleTally } from './rule-tally.ts';
import { pinnedGroups } from './telling-facts.ts';
import type { VerdictResult } from './verdict-tally.ts';

export interface BacktestResult {
  readonly events: number;
  /** Lines and records that were no event. */
  readonly unreadable: number;
  readonly triggers: readonly { readonly trigger: Trigger; readonly events: number }[];
  /** Told events that were judged by auth rules as if they had been asked about. */
  readonly asIfAsked: readonly { readonly trigger: Trigger; readonly events: number }[];
  readonly differences?: RuleDifferences;
  /** Of all rules together: events on which a rule fires that did not, and the other way round. */
  readonly newlyFiring: number;
  readonly noLongerFiring: number;
  /** Rules that fired, the most news first. */
  readonly rules: readonly RuleResult[];
  /** Rules of platforms that the recording has no event of. */
  readonly elsewhere: readonly string[];
  /** Rules that fired on none of the events of their triggers. */
  readonly silent: readonly string[];
  /** Rules whose triggers the recording has no event of: it says nothing of them. */
  readonly unseen: readonly { readonly rule: string; readonly on: readonly Trigger[] }[];
  readonly verdicts: VerdictResult;
  readonly times: readonly RuleTime[];
}

export interface RuleResult {
  readonly rule: string;
  readonly type: string | undefined;
  readonly mode: string | undefined;
  readonly file: string | undefined;
  readonly line: number | undefined;
  readonly before: number | undefined;
  readonly now: number;
  readonly newly: number;
  readonly gone: number;
  readonly asIfAsked: number;
  /** What the newly firing events have in common; without a set before, all of them. */
  readonly top: readonly ExceptionHint[];
  readonly examples: readonly ExampleResult[];
}

interface ExampleResult {
  readonly change: Change;
  readonly file: string;
  readonly event: number;
  readonly trigger: Trigger;
  readonly is: EcsEvent;
}

const HINTS = 3;

export function backtestResult(
  test: Backtest,
  { rules: ruleSet, before }: Pick<BacktestOptions, 'rules' | 'before'>,
  times: readonly RuleTime[],
  unreadable: number,
): BacktestResult {
  const { differences, tallies } = test;
  const isCompared = differences !== undefined;
  const sets = [before, ruleSet].filter((set) => set !== undefined);
  // Of a rule in both, the newer definition.
  const definitions = new Map(
    sets.flatMap((set) => set.rules.map((rule) => [rule.name, { rule, set }] as const)),
  );
  const rules = [...tallies]
    .map(([name, tally]) => ruleResult(name, tally, definitions.get(name), test, isCompared))
    .sort((a, b) => b.newly - a.newly || b.gone - a.gone || b.now - a.now || (a.rule < b.rule ? -1 : 1));
  const seen = new Set([...test.triggers.keys(), ...test.asked.keys()]);
  const isSeen = ({ on }: RuleDefinition): boolean => on.some((trigger) => seen.has(trigger));
  const isHere = ({ platforms }: RuleDefinition): boolean => platforms.some((one) => test.platforms.has(one));
  const here = ruleSet.rules.filter(isHere);
  return {
    events: test.events,
    unreadable,
    triggers: byCount(test.triggers),
    asIfAsked: byCount(test.asked),
    ...(differences && { differences }),
    newlyFiring: isCompared ? sum(rules.map(({ newly }) => newly)) : 0,
    noLongerFiring: sum(rules.map(({ gone }) => gone)),
    rules,
    elsewhere: ruleSet.rules.filter((rule) => !isHere(rule)).map(({ name }) => name),
    silent: here.filter((rule) => isSeen(rule) && !tallies.has(rule.name)).map(({ name }) => name),
    unseen: here.filter((rule) => !isSeen(rule)).map(({ name, on }) => ({ rule: name, on })),
    verdicts: test.verdicts.result,
    times,
  };
}

function ruleResult(
  name: string,
  tally: RuleTally,
  defined: { readonly rule: RuleDefinition; readonly set: RuleSet } | undefined,
  test: Backtest,
  isCompared: boolean,
): RuleResult {
  const rule = defined?.rule;
  const { counts, values, asked, examples } = tally;
  // Without a set before nothing is new: all that fires is looked at.
  const looked: Change = isCompared ? 'newly' : 'kept';
  const top = exceptionHints(values[looked], {
    wanted: isCompared ? values.kept : values.gone,
    background: rule?.on.flatMap((trigger) => backgroundOf(test, trigger)) ?? [],
    pinned: defined === undefined ? new Set() : pinnedGroups(defined.rule, defined.set.conditions),
    number: HINTS,
  });
  const shown: readonly Change[] = isCompared ? ['newly', 'gone'] : ['kept'];
  return {
    rule: name,
    type: rule?.event.type,
    mode: rule?.mode,
    file: rule?.place.file,
    line: rule?.place.line,
    before: isCompared ? counts.kept + counts.gone : undefined,
    now: counts.kept + counts.newly,
    newly: isCompared ? counts.newly : 0,
    gone: counts.gone,
    asIfAsked: asked,
    top,
    examples: shown.flatMap((change) => examples[change].map((example) => exampleResult(change, example))),
  };
}

/** An auth rule is judged by told events, too. */
function backgroundOf({ background }: Backtest, trigger: Trigger) {
  const twin: Trigger = `notify.${trigger.slice(5)}`;
  return [background.get(trigger), trigger.startsWith('auth.') ? background.get(twin) : undefined].filter(
    (values) => values !== undefined,
  );
}

function exampleResult(change: Change, { file, event, trigger, bytes }: Example): ExampleResult {
  return { change, file, event, trigger, is: decodeEvent(bytes) };
}

const sum = (numbers: readonly number[]): number => numbers.reduce((all, one) => all + one, 0);

function byCount(counts: ReadonlyMap<Trigger, number>): { trigger: Trigger; events: number }[] {
  return [...counts]
    .map(([trigger, events]) => ({ trigger, events }))
    .sort((a, b) => b.events - a.events || (a.trigger < b.trigger ? -1 : 1));
}
