// The sink: batches in, receipts out, each when the server has acknowledged it (or it was given up, and counted).
import { Observable, type OperatorFunction } from 'rxjs';
import type { OutgoingBatch, Receipt } from '../operators/flow.ts';
import { LanePublisher, type LanePublisherOptions } from './lane-publisher.ts';

export type PublishOptions = Omit<LanePublisherOptions, 'onReceipt'>;

/** Completes when the source has completed and all is acknowledged; unsubscription gives up at once. */
export function publish(options: PublishOptions): OperatorFunction<OutgoingBatch, Receipt> {
  return (source) =>
    new Observable((subscriber) => {
      const publisher = new LanePublisher({ ...options, onReceipt: (receipt) => subscriber.next(receipt) });
      const subscription = source.subscribe({
        next: (batch) => publisher.offer(batch),
        error: (error) => void publisher.idle().then(() => subscriber.error(error)),
        complete: () => void publisher.idle().then(() => subscriber.complete()),
      });
      return () => {
        subscription.unsubscribe();
        publisher.stop();
      };
    });
}

/** A subject token: what NATS gives a meaning of its own, and what is not printable ASCII, as %XX of its UTF-8. */
export function subjectToken(name: string): string {
  if (name === '') return '%';
  return [...Buffer.from(name)]
    .map((byte) => {
      const char = String.fromCharCode(byte);
      return /[A-Za-z0-9_-]/.test(char) ? char : `%${byte.toString(16).padStart(2, '0').toUpperCase()}`;
    })
    .join('');
}
