// Reads back what the agent published: every message of the stream, opened and decoded, kept for the final check.
import { setTimeout as delay } from 'node:timers/promises';
import { openStreamReader, type StreamReader } from '../cli/stream-reader.ts';
import { decodeEvent } from '../events/decode-event.ts';
import type { EcsEvent } from '../events/ecs-event.ts';
import type { Undo } from './undo.ts';

const POLL_MS = 5;

export interface Collected {
  readonly event: EcsEvent;
  readonly messageId: string;
}

export class Collector {
  readonly events: Collected[] = [];
  readonly batches: { readonly messageId: string; readonly promised: number; readonly found: number }[] = [];
  readonly problems: string[] = [];
  #reading: Promise<void> = Promise.resolve();
  #reader: StreamReader | undefined;

  async open(undo: Undo, url: string, subject: string): Promise<void> {
    const reader = await openStreamReader({ connection: { servers: url }, subject, from: 'start' });
    this.#reader = reader;
    this.#reading = this.#read(reader).catch((error: unknown) => {
      this.problems.push(error instanceof Error ? error.message : String(error));
    });
    undo.add('closing the reader', () => this.close());
  }

  async close(): Promise<void> {
    const reader = this.#reader;
    this.#reader = undefined;
    await reader?.close();
    await this.#reading;
  }

  async #read(reader: StreamReader): Promise<void> {
    for await (const { batch, messageId, streamSequence } of reader.messages) {
      if (batch instanceof Error) {
        this.problems.push(`message ${streamSequence}: ${batch.message}`);
        continue;
      }
      this.batches.push({ messageId, promised: batch.count, found: batch.events.length });
      for (const bytes of batch.events) this.events.push({ event: decodeEvent(bytes), messageId });
    }
  }

  /** Waits until `isThere` holds of the events so far, or the bound is over; whether it came to hold. */
  async waitFor(isThere: () => boolean, signal: AbortSignal, boundMs: number): Promise<boolean> {
    const deadline = performance.now() + boundMs;
    while (!isThere()) {
      if (performance.now() > deadline) return false;
      await delay(POLL_MS, undefined, { signal });
    }
    return true;
  }
}
