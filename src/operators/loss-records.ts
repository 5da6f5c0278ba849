// Losses on record that wait for the next batch: those told by the source, to pass on, and those made here, of events
// that gave way. However long they wait, they stay few.
import type { Loss } from '../events/event-batch.ts';
import type { FlowEvent } from './flow.ts';

/** Beyond so many that came one by one, those of one cause, kind and action become one. */
const MAX_PASSED = 1_024;

export class LossRecords {
  readonly #cause: string;
  readonly #now: () => bigint;
  #passed: Loss[] = [];
  #made = new Map<string, Loss>();

  /** `cause`: of the losses made here. */
  constructor(cause: string, now: () => bigint = nowNs) {
    this.#cause = cause;
    this.#now = now;
  }

  get length(): number {
    return this.#passed.length + this.#made.size;
  }

  add(loss: Loss): void {
    this.#passed.push(loss);
    if (this.#passed.length <= MAX_PASSED) return;
    const merged = new Map<string, Loss>();
    for (const one of this.#passed) mergeInto(merged, one);
    this.#passed = [...merged.values()];
  }

  /** An event that gave way: one record for each kind and action until the next batch goes out. */
  shed({ kind, action, sequence }: FlowEvent): void {
    const atNs = this.#now();
    const cause = this.#cause;
    mergeInto(this.#made, {
      cause,
      kind,
      action,
      count: 1,
      firstSequence: sequence,
      lastSequence: sequence,
      fromNs: atNs,
      toNs: atNs,
    });
  }

  take(): readonly Loss[] {
    if (this.length === 0) return [];
    const losses = [...this.#passed, ...this.#made.values()];
    this.#passed = [];
    this.#made = new Map();
    return losses;
  }
}

function mergeInto(records: Map<string, Loss>, loss: Loss): void {
  const key = `${loss.cause} ${loss.kind} ${loss.action}`;
  const before = records.get(key);
  records.set(key, before === undefined ? loss : merged(before, loss));
}

function merged(one: Loss, other: Loss): Loss {
  return {
    ...one,
    count: one.count + other.count,
    firstSequence: least(one.firstSequence, other.firstSequence),
    lastSequence: greatest(one.lastSequence, other.lastSequence),
    fromNs: least(one.fromNs, other.fromNs),
    toNs: greatest(one.toNs, other.toNs),
  };
}

function greatest<T extends number | bigint>(one: T, other: T): T {
  if (other > one) return other;
  return one;
}

/** Zero stands for unknown. */
function least<T extends number | bigint>(one: T, other: T): T {
  if (Number(one) === 0) return other;
  return Number(other) !== 0 && other < one ? other : one;
}

function nowNs(): bigint {
  return BigInt(Date.now()) * 1_000_000n;
}
