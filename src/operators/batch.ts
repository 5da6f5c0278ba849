// Gathers events into messages for the backend: bounded in bytes, in number and in age, of one bridge instance each.
// Losses ride along with the next batch, and make one of their own when no event comes.
import {
  asyncScheduler,
  Observable,
  type OperatorFunction,
  type SchedulerLike,
  type Subscription,
} from 'rxjs';
import type { Loss } from '../events/event-batch.ts';
import type { LaneBooks } from '../observe/ledger.ts';
import type { FlowBatch, FlowEvent, OutgoingBatch } from './flow.ts';

export interface BatchOptions {
  readonly maxBytes: number;
  readonly maxEvents: number;
  readonly maxAgeMs: number;
  readonly books: LaneBooks;
  readonly scheduler?: SchedulerLike;
}

/** Completion hands on what is gathered, an error too, before it passes; unsubscription lets it go. */
export function batch(options: BatchOptions): OperatorFunction<FlowBatch, OutgoingBatch> {
  const { maxBytes, maxEvents, maxAgeMs, books, scheduler = asyncScheduler } = options;
  return (source) =>
    new Observable((subscriber) => {
      let events: FlowEvent[] = [];
      let losses: Loss[] = [];
      let bytes = 0;
      let bridgeInstance = '';
      let host: FlowBatch['host'];
      let age: Subscription | undefined;

      const flush = (): void => {
        age?.unsubscribe();
        age = undefined;
        if (events.length === 0 && losses.length === 0) return;
        const outgoing = { events, losses, bytes, bridgeInstance, ...(host ? { host } : {}) };
        events = [];
        losses = [];
        bytes = 0;
        subscriber.next(outgoing);
      };

      const take = (incoming: FlowBatch): void => {
        if (incoming.bridgeInstance !== bridgeInstance) flush();
        bridgeInstance = incoming.bridgeInstance;
        host = incoming.host;
        books.entered += incoming.events.length;
        books.waiting += incoming.events.length;
        for (const loss of incoming.losses) losses.push(loss);
        for (const event of incoming.events) {
          if (events.length > 0 && bytes + event.bytes.length > maxBytes) flush();
          events.push(event);
          bytes += event.bytes.length;
          if (bytes >= maxBytes || events.length >= maxEvents) flush();
        }
        if (incoming.endOfSource) flush();
        else if (events.length > 0 || losses.length > 0) age ??= scheduler.schedule(flush, maxAgeMs);
      };

      const subscription = source.subscribe({
        next: take,
        error(error) {
          flush();
          subscriber.error(error);
        },
        complete() {
          flush();
          subscriber.complete();
        },
      });
      return () => {
        age?.unsubscribe();
        subscription.unsubscribe();
      };
    });
}
