// The main thread's ear: takes what the lane's threads leave in shared memory, notes and counts, as often as a person
// could want to know. The lane itself sends no message and wakes nobody.
import { EncodedFacts } from '../events/encoded-facts.ts';
import { slotOf } from '../events/facts.ts';
import { displayText } from '../events/text.ts';
import type { Trigger } from '../events/triggers.ts';
import type { RuleSet } from '../rules/schema.ts';
import type { ShadowRules } from '../rules/shadow-rules.ts';
import { type NotedError, type TakenNote, takeNote } from './lane-notes.ts';
import type { LaneRing } from './lane-ring.ts';
import { noRule, ShadowCounts, shadowCountMemory } from './shadow-counts.ts';
import type { Judgement, ShadowSink } from './shadow-difference.ts';
import { SlowComparison } from './slow-comparison.ts';

const lookEveryMs = 200;

/** As pino's. */
export interface LaneLog {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
}

/** A worker's two rule sets and what it counts of them. */
interface Watched {
  readonly enforced: RuleSet;
  readonly shadow: ShadowRules;
  readonly counts: ShadowCounts;
}

export class LaneListener {
  readonly #ring: LaneRing;
  readonly #log: LaneLog;
  readonly #sink: ShadowSink | undefined;
  readonly #slowly: SlowComparison | undefined;
  readonly #watched = new Map<number, Watched>();
  readonly #timer: NodeJS.Timeout;

  constructor(ring: LaneRing, log: LaneLog, sink: ShadowSink | undefined) {
    this.#ring = ring;
    this.#log = log;
    this.#sink = sink;
    this.#slowly = sink && new SlowComparison(sink);
    this.#timer = setInterval(() => this.#look(), lookEveryMs).unref();
  }

  /** The memory in which the worker of `epoch` counts. */
  watch(epoch: number, enforced: RuleSet, shadow: ShadowRules): SharedArrayBuffer {
    const memory = shadowCountMemory();
    this.#watched.set(epoch, { enforced, shadow, counts: new ShadowCounts(memory) });
    return memory;
  }

  /** The worker has ended. */
  forget(epoch: number): void {
    this.#look();
    this.#watched.delete(epoch);
  }

  close(): void {
    clearInterval(this.#timer);
    this.#look();
  }

  #look(): void {
    // Notes first: what they are samples of has been counted then.
    const taken: TakenNote[] = [];
    for (let one = takeNote(this.#ring); one !== undefined; one = takeNote(this.#ring)) taken.push(one);
    for (const watched of this.#watched.values()) this.#takeCounts(watched);
    for (const one of taken) this.#hear(one);
  }

  #hear({ note, event }: TakenNote): void {
    switch (note.kind) {
      case 'evaluation_error': {
        const { epoch, trigger, error, isLast } = note;
        const more = isLast ? '; further ones of this rule set are only counted' : '';
        const message = `an auth request could not be evaluated and was deferred${more}`;
        this.#log.warn({ epoch, trigger, err: errorOf(error) }, message);
        return;
      }
      case 'slow_decision': {
        const { epoch, trigger, decideMs, waiting, isLast } = note;
        const more = isLast ? '; further ones of this rule set are not told' : '';
        const message = `the decision on an auth request took long, and others waited for it${more}`;
        this.#log.warn({ epoch, trigger, decideMs, waiting, path: pathOf(event) }, message);
        return;
      }
      case 'shadow_difference':
        this.#sink?.sampled(note.difference, event);
        return;
      case 'shadow_undecided':
        this.#decide(note.epoch, note.trigger, note.enforced, event);
    }
  }

  #takeCounts({ enforced, shadow, counts }: Watched): void {
    const sink = this.#sink;
    if (sink === undefined) return;
    const { compared, notCompared, otherPairs, pairs } = counts.takeChanges();
    sink.compared(compared);
    sink.notCompared('busy', notCompared.busy);
    sink.notCompared('failed', notCompared.failed);
    sink.notCompared('dropped', notCompared.dropped);
    sink.differedElsewhere(otherPairs);
    for (const pair of pairs) {
      const difference = {
        enforced: judgementOfPlace(enforced, pair.enforced),
        shadow: judgementOfPlace(shadow.ruleSet, pair.shadow),
      };
      sink.differed(difference, pair.times);
    }
  }

  #decide(epoch: number, trigger: Trigger, enforced: Judgement, event: Uint8Array): void {
    const shadow = this.#watched.get(epoch)?.shadow;
    if (shadow === undefined || this.#sink === undefined) return;
    if (event.length === 0) this.#sink.notCompared('dropped', 1);
    else this.#slowly?.compare(shadow.rules, trigger, enforced, event);
  }
}

function judgementOfPlace({ rules }: RuleSet, place: number): Judgement {
  const rule = place === noRule ? undefined : rules[place];
  return { verdict: rule?.event.type === 'deny' ? 'deny' : 'allow', rule: rule?.name };
}

function errorOf({ name, message, stack }: NotedError): Error {
  return Object.assign(new Error(message), { name, stack });
}

const filePath = slotOf('file.path');

/** Undefined where the event has none, or cannot be read. */
function pathOf(event: Uint8Array): string | undefined {
  try {
    const path = filePath && new EncodedFacts().reset(event).get(filePath);
    return typeof path === 'string' ? displayText(path) : undefined;
  } catch {
    return undefined;
  }
}
