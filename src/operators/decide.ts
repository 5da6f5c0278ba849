// Judges each event by the rules: forwards it, drops it, copies it for the alert lane. What the auth lane has judged
// already is taken at its word; only the bridge's own answers (defaults, static verdicts) are judged here.
import { concatMap, defer, from, type OperatorFunction, of, tap } from 'rxjs';
import { annotate, encodeAnnotations } from '../events/annotate.ts';
import { headerOf } from '../events/encoded-event.ts';
import { EncodedFacts } from '../events/encoded-facts.ts';
import type { EventDecision } from '../events/event-batch.ts';
import { EVENT_KIND } from '../events/triggers.ts';
import type { Ledger } from '../observe/ledger.ts';
import type { CompiledRules } from '../rules/compile.ts';
import type { Decision } from '../rules/decision.ts';
import { type AuthAudit, readAuthAudit } from './auth-audit.ts';
import type { DecidedBatch, FlowBatch, FlowEvent } from './flow.ts';
import { HostFacts } from './host-facts.ts';

export interface DecideOptions {
  /** The rules in force now; asked once a batch. */
  readonly rules: () => CompiledRules;
  readonly ledger: Ledger;
  /** An event that a rule could not be evaluated for is forwarded unjudged. */
  readonly onError: (error: unknown, event: FlowEvent) => void;
}

export function decide(options: DecideOptions): OperatorFunction<FlowBatch, DecidedBatch> {
  return (source) =>
    defer(() => {
      const judge = new Judge(options);
      // One at a time: order is kept, and only a batch with an event for the referee waits for anything.
      return source.pipe(
        tap(({ events }) => {
          options.ledger.deciding += events.length;
        }),
        concatMap((batch) => {
          const decided = judge.decideBatch(batch);
          return decided instanceof Promise ? from(decided) : of(decided);
        }),
      );
    });
}

/** State of one subscription: the reader of facts is reused for every event. */
class Judge {
  readonly #options: DecideOptions;
  readonly #encoded = new EncodedFacts();
  readonly #facts = new HostFacts(this.#encoded);

  constructor(options: DecideOptions) {
    this.#options = options;
  }

  decideBatch(batch: FlowBatch): DecidedBatch | Promise<DecidedBatch> {
    const rules = this.#options.rules();
    const kept: FlowEvent[] = [];
    const alerts: FlowEvent[] = [];
    for (let index = 0; index < batch.events.length; index++) {
      const event = batch.events[index];
      if (event === undefined) continue;
      const audit = event.kind === EVENT_KIND.auth ? readAuthAudit(event.bytes) : undefined;
      if (audit?.isAnnotated) {
        this.#sort(annotatedAudit(event, audit), true, kept, alerts);
        continue;
      }
      this.#look(event, batch);
      let decision: Decision | undefined;
      try {
        if (rules.needsReferee(event.trigger, this.#facts))
          return this.#finishWithReferee(batch, rules, index, kept, alerts);
        decision = rules.decide(event.trigger, this.#facts);
      } catch (error) {
        decision = this.#failed(error, event);
      }
      this.#judge(event, audit, decision, kept, alerts);
    }
    return this.#passOn(batch, kept, alerts);
  }

  /** From the first event that needs the referee on, a batch is judged in steps, in its order. */
  async #finishWithReferee(
    batch: FlowBatch,
    rules: CompiledRules,
    start: number,
    kept: FlowEvent[],
    alerts: FlowEvent[],
  ): Promise<DecidedBatch> {
    for (const event of batch.events.slice(start)) {
      const audit = event.kind === EVENT_KIND.auth ? readAuthAudit(event.bytes) : undefined;
      if (audit?.isAnnotated) {
        this.#sort(annotatedAudit(event, audit), true, kept, alerts);
      } else {
        this.#look(event, batch);
        const decision = await rules
          .decideAsync(event.trigger, this.#facts)
          .catch((error: unknown) => this.#failed(error, event));
        this.#judge(event, audit, decision, kept, alerts);
      }
    }
    return this.#passOn(batch, kept, alerts);
  }

  #passOn(batch: FlowBatch, kept: FlowEvent[], alerts: FlowEvent[]): DecidedBatch {
    this.#options.ledger.deciding -= kept.length;
    return { ...batch, events: kept, alerts };
  }

  #filtered(event: FlowEvent): void {
    this.#options.ledger.deciding--;
    this.#options.ledger.filtered++;
    event.origin?.settle();
  }

  #look(event: FlowEvent, batch: FlowBatch): void {
    this.#facts.use(batch.host);
    this.#encoded.reset(event.bytes);
  }

  /** `decision` is undefined where there could be none. */
  #judge(
    event: FlowEvent,
    audit: AuthAudit | undefined,
    decision: Decision | undefined,
    kept: FlowEvent[],
    alerts: FlowEvent[],
  ): void {
    const isForwarded =
      decision === undefined ||
      decision.verdict === 'forward' ||
      (audit !== undefined && (audit.isNews || decision.matched.length > 0)) ||
      event.kind === EVENT_KIND.picket;
    const hasAlerts = (decision !== undefined && decision.alerts.length > 0) || bringsAlerts(event);
    if (!isForwarded && !hasAlerts) {
      this.#filtered(event);
      return;
    }
    this.#sort(judged(event, decision, audit, hasAlerts), isForwarded, kept, alerts);
  }

  #sort(event: FlowEvent, isForwarded: boolean, kept: FlowEvent[], alerts: FlowEvent[]): void {
    if (event.decision?.hasAlerts) {
      this.#options.ledger.alerts++;
      event.origin?.hold();
      alerts.push(event);
    }
    if (isForwarded) kept.push(event);
    else this.#filtered(event);
  }

  #failed(error: unknown, event: FlowEvent): undefined {
    this.#options.onError(error, event);
    return undefined;
  }
}

/** What the rules said is in the bytes already. */
function annotatedAudit(event: FlowEvent, audit: AuthAudit): FlowEvent {
  const { hasAlerts } = headerOf(event.bytes);
  return decided(event, event.bytes, { verdict: audit.verdict, rules: [], tags: [], hasAlerts });
}

/** Appends what the rules said; of an audit the decision is what the kernel was told, whatever the rules say now. */
function judged(
  event: FlowEvent,
  decision: Decision | undefined,
  audit: AuthAudit | undefined,
  hasAlerts: boolean,
): FlowEvent {
  let { bytes } = event;
  if (decision?.annotations !== undefined) bytes = annotate(bytes, decision.annotations);
  if (audit !== undefined) bytes = annotate(bytes, VERDICTS[audit.verdict]);
  return decided(event, bytes, {
    verdict: audit?.verdict ?? decision?.verdict ?? 'none',
    rules: decision?.matched.map((rule) => rule.name) ?? [],
    tags: decision?.tags ?? [],
    hasAlerts,
  });
}

/** The bridge may raise alerts of its own, on the events that it alone can judge. */
function bringsAlerts({ kind, action, bytes }: FlowEvent): boolean {
  const mayBring =
    kind === EVENT_KIND.picket ||
    kind === EVENT_KIND.auth ||
    (kind === EVENT_KIND.notify && action === 'exec');
  return mayBring && headerOf(bytes).hasAlerts;
}

const VERDICTS = {
  allow: encodeAnnotations({ decision: 'allow' }),
  deny: encodeAnnotations({ decision: 'deny' }),
};

function decided(event: FlowEvent, bytes: Uint8Array, decision: EventDecision): FlowEvent {
  const { sequence, trigger, kind, action, origin } = event;
  return origin === undefined
    ? { bytes, sequence, trigger, kind, action, decision }
    : { bytes, sequence, trigger, kind, action, origin, decision };
}
