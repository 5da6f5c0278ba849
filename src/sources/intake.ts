// The agent's side of credit: which events of a bridge are received, which are done with (settled), and so how many
// more may be sent and up to where the bridge may forget. Bounds what lies in the agent, in events and in bytes.
import type { Origin } from '../operators/flow.ts';

export interface IntakeLimits {
  /** Events received and not yet settled, at most. */
  readonly maxEvents: number;
  /** Their bytes; held on average, for the size of an event is known only once it is here. */
  readonly maxBytes: number;
}

/** A run of events of one frame; settled as a whole when each of them is. */
class Span implements Origin {
  readonly last: number;
  readonly events: number;
  readonly bytes: number;
  readonly #done: () => void;
  #open: number;

  constructor(last: number, events: number, bytes: number, done: () => void) {
    this.last = last;
    this.events = events;
    this.bytes = bytes;
    this.#open = events;
    this.#done = done;
  }

  get isSettled(): boolean {
    return this.#open === 0;
  }

  hold(): void {
    this.#open++;
  }

  settle(): void {
    this.#open--;
    if (this.#open === 0) this.#done();
  }
}

/** An event of 64 bytes is smaller than any there is; an average below it would promise too many. */
const LEAST_AVERAGE_BYTES = 64;
const AVERAGE_WEIGHT = 1 / 16;

export class Intake {
  readonly #limits: IntakeLimits;
  readonly #onSettled: () => void;
  #bridgeInstance = '';
  #spans: Span[] = [];
  #head = 0;
  #receivedThrough = 0;
  #acceptedThrough = 0;
  #unsettledEvents = 0;
  #unsettledBytes = 0;
  #granted = 0;
  #averageBytes = 512;

  /** `onSettled`: accepted_through moved or credit came free; called often, so it should do little. */
  constructor(limits: IntakeLimits, onSettled: () => void = () => undefined) {
    this.#limits = limits;
    this.#onSettled = onSettled;
  }

  get bridgeInstance(): string {
    return this.#bridgeInstance;
  }

  /** Sequence of the last event received of this bridge instance: what comes again is a repeat. */
  get receivedThrough(): number {
    return this.#receivedThrough;
  }

  /** All events up to this sequence are done with: the bridge may forget them. */
  get acceptedThrough(): number {
    return this.#acceptedThrough;
  }

  get unsettledEvents(): number {
    return this.#unsettledEvents;
  }

  /** Credit that the bridge has and has not used. */
  get granted(): number {
    return this.#granted;
  }

  get isIdle(): boolean {
    return this.#head === this.#spans.length;
  }

  /** A connection begins: credit given on an earlier one is void, and another bridge counts from the start again. */
  connected(bridgeInstance: string, acceptedThrough = 0): void {
    this.#granted = 0;
    if (bridgeInstance === this.#bridgeInstance) return;
    this.#bridgeInstance = bridgeInstance;
    this.#receivedThrough = acceptedThrough;
    this.#acceptedThrough = acceptedThrough;
    // Events of the bridge before are still under way; nobody waits for them any more.
    this.#spans = [];
    this.#head = 0;
  }

  /** Takes in a run of events; each must be settled once, and once more for each hold(). */
  open(lastSequence: number, events: number, bytes: number): Origin {
    this.#receivedThrough = Math.max(this.#receivedThrough, lastSequence);
    this.#granted = Math.max(0, this.#granted - events);
    this.#unsettledEvents += events;
    this.#unsettledBytes += bytes;
    if (events > 0) this.#averageBytes += (bytes / events - this.#averageBytes) * AVERAGE_WEIGHT;
    const span = new Span(lastSequence, events, bytes, () => this.#settled(span));
    this.#spans.push(span);
    if (events === 0) this.#advance();
    return span;
  }

  /** How many more events the bridge may send than it was told before. */
  takeCredit(): number {
    const roomBytes = this.#limits.maxBytes - this.#unsettledBytes;
    const roomByBytes = Math.floor(roomBytes / Math.max(LEAST_AVERAGE_BYTES, this.#averageBytes));
    const room = Math.min(this.#limits.maxEvents - this.#unsettledEvents, roomByBytes);
    const credit = Math.max(0, room - this.#granted);
    this.#granted += credit;
    return credit;
  }

  /** Repeats and malformed events use up credit, too. */
  spent(events: number): void {
    this.#granted = Math.max(0, this.#granted - events);
  }

  #settled(span: Span): void {
    this.#unsettledEvents -= span.events;
    this.#unsettledBytes -= span.bytes;
    this.#advance();
    this.#onSettled();
  }

  #advance(): void {
    let head = this.#spans[this.#head];
    while (head?.isSettled) {
      this.#acceptedThrough = Math.max(this.#acceptedThrough, head.last);
      this.#head++;
      head = this.#spans[this.#head];
    }
    // The settled ones at the front are given up in bulk, so that each costs nothing.
    if (this.#head > 1024 || this.#head === this.#spans.length) {
      this.#spans = this.#spans.slice(this.#head);
      this.#head = 0;
    }
  }
}
