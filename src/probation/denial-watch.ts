// Looks at every deny that comes back from the bridge, whoever gave it, while rules are on probation: would the trusted
// rules have denied that, too? What only the new ones deny is counted. Passes every batch on as it is.
import { defer, type MonoTypeOperatorFunction, tap } from 'rxjs';
import { headerOf } from '../events/encoded-event.ts';
import { EncodedFacts } from '../events/encoded-facts.ts';
import { type FactValue, type Slot, slotOf } from '../events/facts.ts';
import { EVENT_KIND, type Trigger } from '../events/triggers.ts';
import { type AuthAudit, readAuthAudit } from '../operators/auth-audit.ts';
import type { DecidedBatch, FlowEvent } from '../operators/flow.ts';
import { HostFacts } from '../operators/host-facts.ts';
import type { CompiledRules } from '../rules/compile.ts';
import type { Denial, DenialCount, DeniedPrograms } from './denied-programs.ts';

/** A rule set on probation. */
export interface WatchedRules {
  readonly epoch: number;
  /** Since when its epoch is this one: an agent before numbered its epochs from 1, too. */
  readonly sinceNs: bigint;
  readonly trusted: CompiledRules;
  /** Triggers on which the trusted rules may deny at all. */
  readonly trustedDenies: ReadonlySet<Trigger>;
  readonly count: DenialCount;
  /** Called once. */
  readonly onExcess: (denied: DeniedPrograms) => void;
}

/** @param watched in force or about to be; asked once a batch */
export function watchDenials(watched: () => readonly WatchedRules[]): MonoTypeOperatorFunction<DecidedBatch> {
  return (source) =>
    defer(() => {
      const watch = new DenialWatch();
      return source.pipe(
        tap((batch) => {
          const sets = watched();
          if (sets.length > 0) watch.look(batch, sets);
        }),
      );
    });
}

const EXECUTABLE = slotOf('process.executable') as Slot;
const PID = slotOf('process.pid') as Slot;

class DenialWatch {
  readonly #encoded = new EncodedFacts();
  readonly #facts = new HostFacts(this.#encoded);
  readonly #done = new WeakSet<WatchedRules>();

  look(batch: DecidedBatch, sets: readonly WatchedRules[]): void {
    for (const event of batch.events) {
      if (event.kind !== EVENT_KIND.auth || event.decision?.verdict !== 'deny') continue;
      const audit = readAuthAudit(event.bytes);
      const rules = sets.find(({ epoch }) => epoch === audit.epoch);
      if (rules === undefined) continue;
      this.#facts.use(batch.host);
      this.#encoded.reset(event.bytes);
      this.#judge(event, audit, rules);
    }
  }

  #judge({ bytes, trigger }: FlowEvent, { rule }: AuthAudit, rules: WatchedRules): void {
    const { createdNs } = headerOf(bytes);
    if (createdNs < rules.sinceNs) return;
    const denial: Denial = { program: this.#program(), rule, atMs: Number(createdNs / 1_000_000n) };
    const isNew = (): void => this.#add(denial, rules);
    const { trusted, trustedDenies } = rules;
    if (!trustedDenies.has(trigger)) {
      isNew();
      return;
    }
    // A default, which names no rule, could have been given under the trusted rules as well.
    if (rule === '') return;
    try {
      if (!trusted.needsReferee(trigger, this.#facts)) {
        if (trusted.decide(trigger, this.#facts).verdict !== 'deny') isNew();
        return;
      }
      trusted
        .decideAsync(trigger, this.#facts)
        .then(({ verdict }) => verdict !== 'deny' && isNew())
        .catch(isNew);
    } catch {
      // What cannot be judged is held against the new rules: the worst that comes of it is that they only report.
      isNew();
    }
  }

  #add(denial: Denial, rules: WatchedRules): void {
    if (this.#done.has(rules)) return;
    const denied = rules.count.add(denial);
    if (denied === undefined) return;
    this.#done.add(rules);
    rules.onExcess(denied);
  }

  #program(): string {
    const read = (slot: Slot): FactValue => {
      try {
        return this.#facts.get(slot);
      } catch {
        return undefined; // a damaged event
      }
    };
    const executable = read(EXECUTABLE);
    return typeof executable === 'string' && executable !== '' ? executable : `process ${read(PID)}`;
  }
}
