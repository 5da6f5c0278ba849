// The events of a file on which a rule fires; where there is none, why.
import { EncodedFacts } from '../../events/encoded-facts.ts';
import { platformOf } from '../../events/event-platform.ts';
import type { Platform } from '../../events/triggers.ts';
import type { SeenEvent } from '../../rules/exception-facts.ts';
import { isExpired } from '../../rules/exceptions.ts';
import { explainOutcome } from '../../rules/explain.ts';
import { matcherOf } from '../../rules/propose-exception.ts';
import { formatPlace } from '../../rules/rule-problem.ts';
import type { RuleDefinition, RuleSet } from '../../rules/schema.ts';
import { eventsOfFile, type FileEvent } from '../../sources/event-file.ts';
import { CommandError } from '../failure.ts';
import { describeFault, FaultReport, holdsNoEvent } from '../fault-report.ts';
import { formatCount, say } from '../output.ts';
import { startProgress } from '../progress.ts';
import { whatEventHas } from './explain-text.ts';

/** An exception for more is none; and each is held in memory. */
const EVENTS_MAX = 10_000;
/** A file of another kind has a fault in every line. */
const FAULTS_MAX = 20;

/** What of a file the rule does not fire on. */
interface Others {
  /** Events of the rule's triggers. */
  count: number;
  first: SeenEvent | undefined;
  /** Of the other events. */
  readonly triggers: Set<string>;
}

/** Throws CommandError where it fires on none, or on too many. */
export async function firingEvents(
  rule: RuleDefinition,
  ruleSet: RuleSet,
  file: string,
  platform: Platform | undefined,
): Promise<readonly SeenEvent[]> {
  const firing: SeenEvent[] = [];
  const others: Others = { count: 0, first: undefined, triggers: new Set() };
  const matches = matcherOf(rule, ruleSet);
  const progress = startProgress({ label: 'except', unit: 'events' });
  const faults = new FaultReport(FAULTS_MAX, progress);
  // An event that does not say what it is is taken for one of the rule's.
  const [only, ...more] = rule.platforms;
  const events = eventsOfFile(file, {
    otherwise: rule.on[0],
    platform: platform ?? (more.length === 0 ? only : undefined),
    onFault: (fault) => {
      if (fault.isUnreadable) throw new CommandError(describeFault({ file, ...fault }), 3);
      faults.add({ file, ...fault });
    },
  });
  for await (const event of events) {
    progress.update(undefined, event.number);
    if (!rule.on.includes(event.trigger)) {
      others.triggers.add(event.trigger);
      continue;
    }
    const seen = seenEvent(event);
    if (await matches(seen)) firing.push(seen);
    else {
      others.count++;
      others.first ??= seen;
    }
    if (firing.length > EVENTS_MAX) break;
  }
  progress.clear();
  faults.finish();
  if (firing.length > EVENTS_MAX) {
    const many = `more than ${formatCount(EVENTS_MAX)} events`;
    throw new CommandError(
      `${rule.name} fires on ${many} of ${file}: pick those that an exception is for`,
      1,
    );
  }
  if (firing.length === 0) throw new CommandError(await whyNone(rule, ruleSet, file, others), 1);
  if (others.count > 0)
    say(`${rule.name} fires on ${firing.length} of ${firing.length + others.count} events`);
  return firing;
}

function seenEvent({ bytes, trigger }: FileEvent): SeenEvent {
  const facts = new EncodedFacts().reset(bytes);
  return { facts, trigger, platform: platformOf(facts) };
}

async function whyNone(
  rule: RuleDefinition,
  ruleSet: RuleSet,
  file: string,
  others: Others,
): Promise<string> {
  const { count, first, triggers } = others;
  if (first === undefined) {
    const on = rule.on.join(', ');
    return triggers.size === 0
      ? holdsNoEvent(file)
      : `${rule.name} is on ${on}, and the events in ${file} are on ${[...triggers].join(', ')}`;
  }
  const which = count === 1 ? 'this event' : `any of these ${formatCount(count)} events; of the first`;
  const fails = `${rule.name} does not fire on ${which}:`;
  const holds = (conditions: RuleDefinition['conditions']): Promise<boolean> =>
    matcherOf({ ...rule, conditions }, ruleSet)(first);
  if (await holds(rule.own)) {
    for (const exception of rule.exceptions) {
      if (isExpired(exception, Date.now()) || !(await holds(exception.conditions))) continue;
      return `${fails} the exception \`${exception.name}\` (${formatPlace(exception.place)}) covers it`;
    }
  }
  const why = (await explainOutcome(rule, rule.own, ruleSet.conditions, first.trigger, first.facts))
    .map(({ condition, actual, isTrue }) => `\n  ${condition} is ${isTrue}: ${whatEventHas(actual)}`)
    .join('');
  return `${fails}${why}`;
}
