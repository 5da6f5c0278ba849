// The pipeline's bounded queue. While the sink takes batches, events pass at once; while it does not, they wait here in
// order, and beyond the bound the lowest class gives way first, its oldest first: counted, and told as losses.
import { Observable, type OperatorFunction } from 'rxjs';
import type { Ledger } from '../observe/ledger.ts';
import type { FlowBatch, FlowEvent } from './flow.ts';
import { LossRecords } from './loss-records.ts';
import { CLASS_COUNT, priorityClassOf } from './priority-class.ts';

/** `block`: the source is given no credit for more than fits; `shed`: what does not fit gives way here. */
type QueuePolicy = 'block' | 'shed';

export interface PrioritiseOptions {
  readonly maxEvents: number;
  readonly maxBytes: number;
  readonly policy: QueuePolicy;
  /** Whether the sink takes more; emits at once on subscription, and on each change. */
  readonly ready: Observable<boolean>;
  readonly ledger: Ledger;
  readonly now?: () => bigint;
}

/** Events handed on at once, so that a long queue is emptied in steps and the sink can say stop between them. */
const STEP_EVENTS = 256;
/** Under `block` credit keeps the queue within its bound; events larger than the average can overshoot it by this. */
const OVERSHOOT = 2;

interface Entry {
  readonly event: FlowEvent;
  /** Order of arrival over all classes. */
  readonly arrival: number;
}

/** Completion and errors pass when the queue is empty and every loss is told; unsubscription lets the queue go. */
export function prioritise(options: PrioritiseOptions): OperatorFunction<FlowBatch, FlowBatch> {
  return (source) =>
    new Observable((subscriber) => {
      const { ledger, ready, now } = options;
      const queue = new ClassQueue(options);
      const losses = new LossRecords('agent_queue_full', now);
      let template: FlowBatch | undefined;
      let isReady = false;
      let isEmitting = false;
      let finish: (() => void) | undefined;

      const pass = (): void => {
        // A sink that says stop, or go, while it is given a step comes back here: the loop below sees it.
        if (isEmitting) return;
        isEmitting = true;
        while (isReady && template && (queue.length > 0 || losses.length > 0)) {
          const events = queue.take(STEP_EVENTS);
          ledger.queued -= events.length;
          ledger.forwarded += events.length;
          subscriber.next({ ...template, events, losses: losses.take(), malformed: 0 });
        }
        isEmitting = false;
        if (finish && queue.length === 0 && losses.length === 0) finish();
      };

      const take = (batch: FlowBatch): void => {
        // What waits of a bridge instance that has ended goes on under its own name.
        if (template && template.bridgeInstance !== batch.bridgeInstance) flushOf(template);
        const { endOfSource: _, ...rest } = batch;
        template = rest;
        ledger.queued += batch.events.length;
        for (const loss of batch.losses) losses.add(loss);
        for (const event of batch.events) queue.push(event);
        for (let event = queue.shed(); event !== undefined; event = queue.shed()) {
          ledger.queued--;
          ledger.shed++;
          losses.shed(event);
          event.origin?.settle();
        }
        pass();
      };

      const flushOf = (before: FlowBatch): void => {
        while (queue.length > 0 || losses.length > 0) {
          const events = queue.take(STEP_EVENTS);
          ledger.queued -= events.length;
          ledger.forwarded += events.length;
          subscriber.next({ ...before, events, losses: losses.take(), malformed: 0 });
        }
      };

      const readiness = ready.subscribe((isNowReady) => {
        isReady = isNowReady;
        pass();
      });
      const subscription = source.subscribe({
        next: take,
        error(error) {
          finish = () => subscriber.error(error);
          pass();
        },
        complete() {
          finish = () => subscriber.complete();
          pass();
        },
      });
      return () => {
        subscription.unsubscribe();
        readiness.unsubscribe();
      };
    });
}

/** One deque a class; arrival order over all is kept when events are taken. */
class ClassQueue {
  readonly #classes: Deque[] = Array.from({ length: CLASS_COUNT }, () => new Deque());
  readonly #maxEvents: number;
  readonly #maxBytes: number;
  #arrivals = 0;
  #bytes = 0;
  length = 0;

  constructor({ maxEvents, maxBytes, policy }: PrioritiseOptions) {
    const factor = policy === 'block' ? OVERSHOOT : 1;
    this.#maxEvents = maxEvents * factor;
    this.#maxBytes = maxBytes * factor;
  }

  push(event: FlowEvent): void {
    this.#classes[priorityClassOf(event)]?.push({ event, arrival: this.#arrivals++ });
    this.#bytes += event.bytes.length;
    this.length++;
  }

  /** The next to give way; undefined while all fits. */
  shed(): FlowEvent | undefined {
    if (this.length <= this.#maxEvents && this.#bytes <= this.#maxBytes) return undefined;
    for (let index = CLASS_COUNT - 1; index >= 0; index--) {
      const entry = this.#classes[index]?.shift();
      if (entry) return this.#left(entry);
    }
    return undefined;
  }

  take(count: number): FlowEvent[] {
    const events: FlowEvent[] = [];
    while (events.length < count) {
      let oldest: Deque | undefined;
      for (const deque of this.#classes)
        if (deque.arrival < (oldest?.arrival ?? Number.POSITIVE_INFINITY)) oldest = deque;
      const entry = oldest?.shift();
      if (entry === undefined) break;
      events.push(this.#left(entry));
    }
    return events;
  }

  #left({ event }: Entry): FlowEvent {
    this.length--;
    this.#bytes -= event.bytes.length;
    return event;
  }
}

class Deque {
  #entries: Entry[] = [];
  #head = 0;

  /** Of the first entry; infinite when there is none. */
  get arrival(): number {
    return this.#entries[this.#head]?.arrival ?? Number.POSITIVE_INFINITY;
  }

  push(entry: Entry): void {
    this.#entries.push(entry);
  }

  shift(): Entry | undefined {
    const entry = this.#entries[this.#head];
    if (entry === undefined) return undefined;
    this.#head++;
    if (this.#head === this.#entries.length || this.#head > 4096) {
      this.#entries = this.#entries.slice(this.#head);
      this.#head = 0;
    }
    return entry;
  }
}
