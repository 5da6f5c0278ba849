// A spool in memory: bounded in bytes and events, the oldest batch gives way, counted and told as a loss. A batch is numbered and
// encoded when it is given out, so a smaller limit of the server, known only once connected, costs no gap.
import { randomBytes } from 'node:crypto';
import type { FlowEvent, OutgoingBatch } from '../operators/flow.ts';
import { LossRecords } from '../operators/loss-records.ts';
import { type CompressionName, encodeBatch, type MessageIdentity } from './encode-batch.ts';
import type { LastStored, Spool, SpoolNext, SpoolRecord } from './spool.ts';

export interface MemorySpoolOptions {
  readonly agent: string;
  readonly compression: CompressionName;
  readonly maxBytes: number;
  readonly maxEvents: number;
}

export class MemorySpool implements Spool {
  readonly spoolId = randomBytes(16).toString('hex');
  readonly #options: MemorySpoolOptions;
  readonly #identity: MessageIdentity;
  readonly #losses = new LossRecords('agent_spool_full');
  #batches: OutgoingBatch[] = [];
  #before: LastStored | undefined;
  #sequence = 0;
  #waitingEvents = 0;
  #waitingBytes = 0;

  constructor(options: MemorySpoolOptions) {
    this.#options = options;
    this.#identity = { agent: options.agent, spoolId: this.spoolId, compression: options.compression };
  }

  get waitingEvents(): number {
    return this.#waitingEvents;
  }

  get waitingBytes(): number {
    return this.#waitingBytes;
  }

  get hasRoom(): boolean {
    return (
      this.#waitingBytes < this.#options.maxBytes / 2 && this.#waitingEvents < this.#options.maxEvents / 2
    );
  }

  append(batch: OutgoingBatch): readonly FlowEvent[] {
    this.#batches.push(batch);
    this.#add(batch, 1);
    const shed: FlowEvent[] = [];
    while (this.#isOverfull && this.#batches.length > 1) {
      const oldest = this.#batches.shift();
      if (oldest === undefined) break;
      this.#add(oldest, -1);
      for (const event of oldest.events) {
        shed.push(event);
        this.#losses.shed(event);
      }
      // Losses on record are not lost with the batch that carried them.
      for (const loss of oldest.losses) this.#losses.add(loss);
    }
    return shed;
  }

  next(maxMessageBytes: number): SpoolNext | undefined {
    for (let batch = this.#takeOldest(); batch !== undefined; batch = this.#takeOldest()) {
      const [stored, fresh] = this.#partStored(batch);
      if (stored.length > 0) {
        this.#add(batch, -1);
        if (fresh.events.length + fresh.losses.length > 0) {
          this.#batches.unshift(fresh);
          this.#add(fresh, 1);
        }
        return { is: 'stored', events: stored };
      }
      const body = encodeBatch(this.#identity, this.#sequence + 1, batch);
      if (body.length <= maxMessageBytes) {
        this.#add(batch, -1);
        this.#sequence++;
        return { is: 'record', record: { sequence: this.#sequence, body, events: batch.events } };
      }
      const [event] = batch.events;
      if (batch.events.length + batch.losses.length > 1) {
        this.#batches.unshift(...halves(batch));
      } else if (event !== undefined) {
        this.#add(batch, -1);
        return { is: 'too_large', event };
      }
    }
    return undefined;
  }

  resumeBehind(last: LastStored): void {
    this.#before = last;
  }

  /** Nothing to free: what is given out belongs to the publisher. */
  acknowledge(_record: SpoolRecord): void {}

  /** With the losses of those that gave way before it. */
  #takeOldest(): OutgoingBatch | undefined {
    const batch = this.#batches.shift();
    if (batch === undefined || this.#losses.length === 0) return batch;
    return { ...batch, losses: [...this.#losses.take(), ...batch.losses] };
  }

  #partStored(batch: OutgoingBatch): [stored: readonly FlowEvent[], fresh: OutgoingBatch] {
    const before = this.#before;
    const [first] = batch.events;
    if (before === undefined || first === undefined || batch.bridgeInstance !== before.bridgeInstance)
      return [[], batch];
    const isStored = ({ sequence }: FlowEvent): boolean => sequence <= before.lastEventSequence;
    const stored = batch.events.filter(isStored);
    const events = batch.events.filter((event) => !isStored(event));
    return [stored, { ...batch, events, bytes: events.reduce((sum, { bytes }) => sum + bytes.length, 0) }];
  }

  get #isOverfull(): boolean {
    return this.#waitingBytes > this.#options.maxBytes || this.#waitingEvents > this.#options.maxEvents;
  }

  #add(batch: OutgoingBatch, sign: 1 | -1): void {
    this.#waitingEvents += sign * batch.events.length;
    this.#waitingBytes += sign * batch.bytes;
  }
}

/** The events first, each half with its own; losses go with the first part, or apart where one event is left. */
function halves(batch: OutgoingBatch): [OutgoingBatch, OutgoingBatch] {
  const { events, losses } = batch;
  if (events.length === 0) {
    const middle = Math.ceil(losses.length / 2);
    return [
      { ...batch, losses: losses.slice(0, middle) },
      { ...batch, losses: losses.slice(middle) },
    ];
  }
  if (events.length === 1) {
    return [
      { ...batch, losses: [] },
      { ...batch, events: [], bytes: 0 },
    ];
  }
  const middle = Math.ceil(events.length / 2);
  const first = events.slice(0, middle);
  const bytes = first.reduce((sum, event) => sum + event.bytes.length, 0);
  return [
    { ...batch, events: first, bytes },
    { ...batch, events: events.slice(middle), bytes: batch.bytes - bytes, losses: [] },
  ];
}
