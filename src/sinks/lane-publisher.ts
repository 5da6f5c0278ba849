// Publishes one lane's batches to JetStream, each stored once: bounded in flight in number and bytes, every
// acknowledgement awaited, every doubt settled by the message id within the server's duplicate window and by reading
// back the last stored message beyond it.
import { setTimeout as delay } from 'node:timers/promises';
import PQueue from 'p-queue';
import type { Logger } from 'pino';
import { picket } from '../events/proto/picket.js';
import type { LaneBooks } from '../observe/ledger.ts';
import type { FlowEvent, OutgoingBatch, Receipt } from '../operators/flow.ts';
import { type Backoff, backoffMs } from '../sources/backoff.ts';
import type { NatsLink } from './nats-link.ts';
import { adviceFor, adviceForReadBack, isRefusal } from './publish-errors.ts';
import type { LastStored, Spool, SpoolRecord } from './spool.ts';

export interface LanePublisherOptions {
  readonly subject: string;
  readonly stream: string;
  readonly link: NatsLink;
  readonly spool: Spool;
  readonly books: LaneBooks;
  readonly maxInFlight: number;
  readonly maxInFlightBytes: number;
  readonly acknowledgementTimeoutMs: number;
  /** Of the server's stream: how long it knows a message id. */
  readonly duplicateWindowMs: number;
  readonly backoff: Backoff;
  readonly log: Logger;
  readonly onReceipt: (receipt: Receipt) => void;
  readonly onDuplicate?: () => void;
  /** At each change of whether the spool has room. */
  readonly onRoom?: (hasRoom: boolean) => void;
  /** Monotonic milliseconds. */
  readonly now?: () => number;
}

/** A record between its first publish and its acknowledgement. */
interface InFlight {
  readonly record: SpoolRecord;
  /** Of the attempts that may have stored it; undefined: none has. */
  firstPublishedMs: number | undefined;
  /** Order of its latest publish among all; an acknowledgement of a later one shows that this one is missing. */
  publishedAs: number;
  /** The read-back found it in the stream. */
  isStored: boolean;
  /** Ends the attempt or the wait that is under way, so that the next begins at once. */
  interrupt: AbortController;
}

export class LanePublisher {
  readonly #options: LanePublisherOptions;
  readonly #queue: PQueue;
  readonly #inFlight = new Map<number, InFlight>();
  readonly #now: () => number;
  readonly #stopped = new AbortController();
  readonly #unlisten: () => void;
  readonly #idleWaiters: (() => void)[] = [];
  #gate = Promise.withResolvers<void>();
  #isOpen = false;
  #doubt: AbortController | undefined;
  #inFlightBytes = 0;
  #hadRoom = true;
  #hasReadBack = false;
  #hasTaken = false;
  #publishes = 0;
  #retryTimer: NodeJS.Timeout | undefined;

  constructor(options: LanePublisherOptions) {
    this.#options = options;
    this.#now = options.now ?? (() => performance.now());
    this.#queue = new PQueue({ concurrency: options.maxInFlight });
    this.#unlisten = options.link.onChange(() => this.#linkChanged());
    if (options.link.isConnected) void this.#resolveDoubt();
  }

  /** Takes a batch at once; what must give way for it is counted and told as shed. */
  offer(batch: OutgoingBatch): void {
    const { spool, books, onReceipt } = this.#options;
    if (!this.#hasTaken) this.#readBackAnew();
    const shed = spool.append(batch);
    if (shed.length > 0) {
      books.waiting -= shed.length;
      books.shed += shed.length;
      onReceipt({ outcome: 'shed', events: shed });
    }
    this.#pump();
  }

  /** Resolves when nothing waits and nothing is in flight. */
  async idle(): Promise<void> {
    if (this.#isIdle) return;
    await new Promise<void>((resolve) => this.#idleWaiters.push(resolve));
  }

  /** Ends all attempts. What is not acknowledged stays counted as waiting or in flight. */
  stop(): void {
    this.#unlisten();
    this.#stopped.abort();
    this.#doubt?.abort();
    clearTimeout(this.#retryTimer);
    this.#queue.clear();
    this.#interruptAll();
    this.#gate.resolve();
  }

  get #isIdle(): boolean {
    return this.#inFlight.size === 0 && this.#options.spool.waitingEvents === 0;
  }

  #pump(): void {
    const { spool, link, maxInFlight, maxInFlightBytes } = this.#options;
    while (
      this.#isOpen &&
      !this.#stopped.signal.aborted &&
      this.#inFlight.size < maxInFlight &&
      this.#inFlightBytes < maxInFlightBytes
    ) {
      const next = spool.next(link.maxMessageBytes);
      if (next === undefined) break;
      if (next.is === 'stored') this.#passOverStored(next.events);
      else if (next.is === 'too_large') this.#buryTooLarge(next.event);
      else this.#launch(next.record);
    }
    this.#tellRoom();
    if (this.#isIdle) for (const resolve of this.#idleWaiters.splice(0)) resolve();
  }

  #tellRoom(): void {
    const { hasRoom } = this.#options.spool;
    if (hasRoom === this.#hadRoom) return;
    this.#hadRoom = hasRoom;
    this.#options.onRoom?.(hasRoom);
  }

  #launch(record: SpoolRecord): void {
    const { books } = this.#options;
    books.waiting -= record.events.length;
    books.inFlight += record.events.length;
    this.#inFlightBytes += record.body.length;
    const flight: InFlight = {
      record,
      firstPublishedMs: undefined,
      publishedAs: 0,
      isStored: false,
      interrupt: new AbortController(),
    };
    this.#inFlight.set(record.sequence, flight);
    void this.#queue.add(() => this.#deliver(flight));
  }

  /** Until it is stored or the publisher is stopped; an error of one attempt only makes the next. */
  async #deliver(flight: InFlight): Promise<void> {
    const { backoff } = this.#options;
    for (let attempt = 0; ; attempt++) {
      while (!this.#isOpen && !this.#stopped.signal.aborted) await this.#gate.promise;
      if (this.#stopped.signal.aborted) return;
      if (flight.isStored || (await this.#attempt(flight))) return this.#acknowledged(flight);
      const { signal } = flight.interrupt;
      if (this.#isOpen && !signal.aborted)
        await delay(backoffMs(backoff, attempt), undefined, { signal }).catch(() => undefined);
      else attempt = -1;
    }
  }

  async #attempt(flight: InFlight): Promise<boolean> {
    const { link, spool, subject, stream, acknowledgementTimeoutMs } = this.#options;
    flight.interrupt = new AbortController();
    const before = flight.firstPublishedMs;
    flight.firstPublishedMs ??= this.#now();
    flight.publishedAs = ++this.#publishes;
    const messageId = `${spool.spoolId}:${flight.record.sequence}`;
    const { body } = flight.record;
    try {
      const stored = await interruptible(
        link.store({ subject, stream, messageId, body, timeoutMs: acknowledgementTimeoutMs }),
        flight.interrupt.signal,
      );
      if (stored.isDuplicate) this.#options.onDuplicate?.();
      return true;
    } catch (error) {
      if (!flight.interrupt.signal.aborted) this.#explain(adviceFor(error, stream), error);
      if (isRefusal(error)) flight.firstPublishedMs = before;
      this.#doubtIfOld(flight);
      return false;
    }
  }

  #acknowledged(flight: InFlight): void {
    const { spool, books, onReceipt } = this.#options;
    const { record } = flight;
    this.#inFlight.delete(record.sequence);
    this.#inFlightBytes -= record.body.length;
    books.inFlight -= record.events.length;
    books.acknowledged += record.events.length;
    spool.acknowledge(record);
    this.#resendOvertaken(flight);
    onReceipt({ outcome: 'acknowledged', events: record.events });
    this.#pump();
  }

  /** The server stores in order: what was published before and is not acknowledged by now has got lost. */
  #resendOvertaken({ publishedAs, isStored }: InFlight): void {
    if (isStored || !this.#isOpen) return;
    for (const other of this.#inFlight.values())
      if (other.publishedAs > 0 && other.publishedAs < publishedAs) other.interrupt.abort();
  }

  /**
   * The first events come when the bridge has let the agent before this one go: only now does the stream hold all that
   * it stored. What was read at the connection's begin told whether the stream is there.
   */
  #readBackAnew(): void {
    this.#hasTaken = true;
    this.#hasReadBack = false;
    this.#shut();
    if (this.#options.link.isConnected) void this.#resolveDoubt();
  }

  #linkChanged(): void {
    if (this.#options.link.isConnected) void this.#resolveDoubt();
    else this.#shut();
  }

  /** Nothing is published until the gate opens again; attempts under way are given up, not their records. */
  #shut(): void {
    this.#doubt?.abort();
    this.#doubt = undefined;
    if (this.#isOpen) this.#gate = Promise.withResolvers();
    this.#isOpen = false;
    this.#interruptAll();
  }

  #open(): void {
    this.#isOpen = true;
    this.#gate.resolve();
    this.#pump();
  }

  /** Half the window, so that what is sent again is still known to the server by its id. */
  #doubtIfOld({ firstPublishedMs }: InFlight): void {
    if (this.#isOpen && this.#isOld(firstPublishedMs)) {
      this.#shut();
      void this.#resolveDoubt();
    }
  }

  #isOld(firstPublishedMs: number | undefined): boolean {
    return (
      firstPublishedMs !== undefined && this.#now() - firstPublishedMs > this.#options.duplicateWindowMs / 2
    );
  }

  /**
   * Reads the last stored message of the lane's own subject and goes on behind it. A young record is sent again in any
   * case: the server knows its id, and its answer is the truth. An old one counts as stored if it is not behind the
   * last: its id is forgotten, so sending it again would store it twice.
   */
  async #resolveDoubt(): Promise<void> {
    if (this.#doubt !== undefined) return;
    const doubt = new AbortController();
    this.#doubt = doubt;
    for (let attempt = 0; !doubt.signal.aborted; attempt++) {
      try {
        const lastStored = await this.#lastStoredSequence(doubt.signal);
        if (doubt.signal.aborted) return;
        for (const flight of this.#inFlight.values()) {
          if (this.#isOld(flight.firstPublishedMs) && flight.record.sequence <= lastStored)
            flight.isStored = true;
          // Behind the last stored it was never stored: its age counts from the next publish.
          if (flight.record.sequence > lastStored) flight.firstPublishedMs = undefined;
        }
        this.#doubt = undefined;
        return this.#open();
      } catch (error) {
        this.#explain(adviceForReadBack(error, this.#options.stream), error);
        await delay(backoffMs(this.#options.backoff, attempt), undefined, { signal: doubt.signal }).catch(
          () => undefined,
        );
      }
    }
  }

  async #lastStoredSequence(signal: AbortSignal): Promise<number> {
    if (this.#hasReadBack && this.#inFlight.size === 0) return 0;
    const { link, stream, subject, spool } = this.#options;
    const last = await link.lastMessage(stream, subject);
    if (signal.aborted) return 0; // asked anew since, and this answer is older
    const isFirst = !this.#hasReadBack;
    this.#hasReadBack = true;
    const [spoolId, sequence] = last?.messageId.split(':') ?? [];
    if (spoolId === spool.spoolId) return Number(sequence);
    if (last && isFirst) spool.resumeBehind(lastStoredOf(last.body));
    return 0;
  }

  /** What an agent before this one stored and did not live to say so. */
  #passOverStored(events: readonly FlowEvent[]): void {
    const { books, onReceipt } = this.#options;
    books.waiting -= events.length;
    books.storedBefore += events.length;
    onReceipt({ outcome: 'acknowledged', events });
  }

  #buryTooLarge(event: FlowEvent): void {
    const { books, log, onReceipt, link, subject } = this.#options;
    books.waiting--;
    books.deadLettered++;
    log.error(
      { subject, sequence: event.sequence, bytes: event.bytes.length, action: event.action },
      `an event of ${event.bytes.length} bytes is larger than the ${link.maxMessageBytes} that the server takes ` +
        `in one message, and is given up; raise the server's max_payload`,
    );
    onReceipt({ outcome: 'dead_lettered', events: [event] });
  }

  #interruptAll(): void {
    for (const { interrupt } of this.#inFlight.values()) interrupt.abort();
  }

  #explain(advice: string, error: unknown): void {
    const { log, subject } = this.#options;
    log.warn({ err: error, subject }, `cannot publish to ${subject}: ${advice}; trying again`);
  }
}

function lastStoredOf(body: Uint8Array): LastStored {
  const { bridgeInstance, lastEventSequence } = picket.v1.EventBatch.decode(body);
  return { bridgeInstance, lastEventSequence: Number(lastEventSequence) };
}

/** The promise, or a rejection as soon as the signal says so; a late result is of no interest. */
function interruptible<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const interrupted = (): void => reject(signal.reason);
    signal.addEventListener('abort', interrupted, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', interrupted));
  });
}
