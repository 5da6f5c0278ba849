// What the rules say of each replayed event. Unlike the agent's `decide` nothing is dropped: a replay shows every
// event with the decision that the agent would have come to, and what rules in shadow mode would have decided; if asked
// for, also what auth rules would have answered had a told event been asked about.
import { AnsweredQuestions, AskedFacts, AskedTriggers } from '../backtest/as-asked.ts';
import { annotate, encodeAnnotations } from '../events/annotate.ts';
import { EncodedFacts } from '../events/encoded-facts.ts';
import { platformOf } from '../events/event-platform.ts';
import type { Facts } from '../events/facts.ts';
import { EVENT_KIND, type Platform, type Trigger } from '../events/triggers.ts';
import { WireReader } from '../events/wire-reader.ts';
import type { FlowBatch, FlowEvent } from '../operators/flow.ts';
import type { CompiledRules } from '../rules/compile.ts';
import { type Decision, isAuthTrigger, type ShadowVerdict } from '../rules/decision.ts';

/** Fields of picket.v1.Event: rules, tags, alerts, shadow, suppressed, decision. */
const FIRST_ANNOTATION = 31;
const LAST_ANNOTATION = 36;

/** Without a deciding match: an auth event is allowed, everything else is dropped. */
const ALLOWED = encodeAnnotations({ decision: 'allow' });
const DROPPED = encodeAnnotations({ decision: 'drop' });

export type Judge = (batch: FlowBatch) => Promise<FlowBatch>;

export interface JudgeOptions {
  /** Judge told events by auth rules, too; the answer stands beside those of shadow mode. */
  readonly asAuth?: boolean;
  /** A verdict that is not given: of a rule in shadow mode, or of one that was not asked. */
  readonly onWould?: (would: Would) => void;
}

export interface Would {
  readonly rule: string;
  readonly verdict: string;
  readonly facts: Facts;
  /** The event was told, and judged as if it had been asked about. */
  readonly isAsIfAsked: boolean;
}

interface PlatformRules {
  readonly rules: CompiledRules;
  readonly asked: AskedTriggers;
}

/** @param rulesFor compiled rules by platform; each is asked for once */
export function judgeBy(
  rulesFor: (platform: Platform) => CompiledRules,
  { asAuth = false, onWould = () => undefined }: JudgeOptions = {},
): Judge {
  const facts = new EncodedFacts();
  const askedFacts = new AskedFacts();
  const answered = new AnsweredQuestions();
  const compiled = new Map<Platform, PlatformRules>();
  const rulesOf = (platform: Platform): PlatformRules => {
    const known = compiled.get(platform);
    if (known !== undefined) return known;
    const rules = rulesFor(platform);
    const made = { rules, asked: new AskedTriggers(rules) };
    compiled.set(platform, made);
    return made;
  };
  const decide = async (rules: CompiledRules, trigger: Trigger, from: Facts): Promise<Decision> =>
    rules.needsReferee(trigger, from) ? rules.decideAsync(trigger, from) : rules.decide(trigger, from);
  const tell = (would: readonly ShadowVerdict[], isAsIfAsked: boolean): void => {
    for (const { rule, verdict } of would) onWould({ rule, verdict, facts, isAsIfAsked });
  };
  /** What auth rules would have answered; undefined: nothing that is worth a word. */
  const asIfAsked = async (trigger: Trigger, of: PlatformRules): Promise<readonly ShadowVerdict[]> => {
    if (isAuthTrigger(trigger)) answered.asked(trigger, facts);
    const asked = of.asked.of(trigger);
    if (asked === undefined || answered.takes(trigger, facts)) return [];
    const { rule, verdict, shadow } = await decide(of.rules, asked, askedFacts.use(facts, asked));
    const own = rule === undefined || verdict === 'none' ? [] : [{ rule: rule.name, verdict }];
    return [...own, ...shadow];
  };
  return async (batch) => {
    const events: FlowEvent[] = [];
    for (const event of batch.events) {
      const bytes = withoutAnnotations(event.bytes);
      facts.reset(bytes);
      const of = rulesOf(platformOf(facts));
      const decision = await decide(of.rules, event.trigger, facts);
      tell(decision.shadow, false);
      const would = asAuth ? await asIfAsked(event.trigger, of) : [];
      tell(would, true);
      const made = judged({ ...event, bytes }, decision);
      const added = would.length === 0 ? undefined : encodeAnnotations({ shadow: would });
      events.push(added === undefined ? made : { ...made, bytes: annotate(made.bytes, added) });
    }
    return { ...batch, events };
  };
}

const reader = new WireReader();

/** What rules said when the event was recorded gives way to what these rules say. */
function withoutAnnotations(bytes: Uint8Array): Uint8Array {
  const kept: Uint8Array[] = [];
  let keptTo = 0;
  let start = 0;
  reader.over(bytes, 0, bytes.length);
  for (let key = reader.key(); key !== 0; key = reader.key()) {
    reader.skip(key);
    const number = key >>> 3;
    if (number >= FIRST_ANNOTATION && number <= LAST_ANNOTATION) {
      kept.push(bytes.subarray(keptTo, start));
      keptTo = reader.position;
    }
    start = reader.position;
  }
  return kept.length === 0 ? bytes : Buffer.concat([...kept, bytes.subarray(keptTo)]);
}

function judged(event: FlowEvent, decision: Decision): FlowEvent {
  const isAuth = event.kind === EVENT_KIND.auth;
  const verdict = decision.verdict === 'none' ? (isAuth ? 'allow' : 'drop') : decision.verdict;
  let { bytes } = event;
  if (decision.annotations !== undefined) bytes = annotate(bytes, decision.annotations);
  if (decision.verdict === 'none') bytes = annotate(bytes, isAuth ? ALLOWED : DROPPED);
  return {
    ...event,
    bytes,
    decision: {
      verdict,
      rules: decision.matched.map((rule) => rule.name),
      tags: decision.tags,
      hasAlerts: decision.alerts.length > 0,
    },
  };
}
