// What the rules say of each replayed event. Unlike the agent's `decide` nothing is dropped: a replay shows every
// event with the decision that the agent would have come to.
import { annotate, encodeAnnotations } from '../events/annotate.ts';
import { EncodedFacts } from '../events/encoded-facts.ts';
import { type Slot, slotOf } from '../events/facts.ts';
import { EVENT_KIND, type Platform } from '../events/triggers.ts';
import { WireReader } from '../events/wire-reader.ts';
import type { FlowBatch, FlowEvent } from '../operators/flow.ts';
import type { CompiledRules } from '../rules/compile.ts';
import type { Decision } from '../rules/decision.ts';

/** Fields of picket.v1.Event: rules, tags, alerts, shadow, suppressed, decision. */
const FIRST_ANNOTATION = 31;
const LAST_ANNOTATION = 36;

/** Without a deciding match: an auth event is allowed, everything else is dropped. */
const ALLOWED = encodeAnnotations({ decision: 'allow' });
const DROPPED = encodeAnnotations({ decision: 'drop' });

export type Judge = (batch: FlowBatch) => Promise<FlowBatch>;

/** @param rulesFor compiled rules by platform; each is asked for once */
export function judgeBy(rulesFor: (platform: Platform) => CompiledRules): Judge {
  const facts = new EncodedFacts();
  const compiled = new Map<Platform, CompiledRules>();
  const rulesOf = (platform: Platform): CompiledRules => {
    const known = compiled.get(platform);
    if (known !== undefined) return known;
    const made = rulesFor(platform);
    compiled.set(platform, made);
    return made;
  };
  return async (batch) => {
    const events: FlowEvent[] = [];
    for (const event of batch.events) {
      const bytes = withoutAnnotations(event.bytes);
      facts.reset(bytes);
      const rules = rulesOf(platformOf(facts));
      const decision = rules.needsReferee(event.trigger, facts)
        ? await rules.decideAsync(event.trigger, facts)
        : rules.decide(event.trigger, facts);
      events.push(judged({ ...event, bytes }, decision));
    }
    return { ...batch, events };
  };
}

const PLATFORM = requiredSlot('host.os.type');

function platformOf(facts: EncodedFacts): Platform {
  return facts.get(PLATFORM) === 'linux' ? 'linux' : 'macos';
}

function requiredSlot(name: string): Slot {
  const slot = slotOf(name);
  if (slot === undefined) throw new Error(`the event model has no fact ${name}`);
  return slot;
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
