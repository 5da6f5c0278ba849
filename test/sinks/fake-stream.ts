// A JetStream stream in memory, with the faults of a network: a message may be lost before the server has it, its
// acknowledgement may be lost, the connection may break. It keeps to the server's rules: order, ids, the duplicate window.
import type { LastMessage, NatsLink, Stored, StoreRequest } from '../../src/sinks/nats-link.ts';

export type Fault = 'none' | 'lost' | 'stored_but_silent' | 'broken';

export class FakeStream implements NatsLink {
  readonly stored: string[] = [];
  readonly bodies: Uint8Array[] = [];
  maxMessageBytes = 1024 * 1024;
  isConnected = true;
  duplicates = 0;
  readBacks = 0;
  inFlight = 0;
  mostInFlight = 0;
  /** The server remembers ids; false stands for a window that is over. */
  remembersIds = true;
  error: Error | undefined;
  /** The server answers these with an error, and stores nothing. */
  refusal: ((request: StoreRequest) => Error | undefined) | undefined;
  readonly #faults: Iterator<Fault>;
  readonly #listeners = new Set<() => void>();

  constructor(faults: Iterable<Fault> = []) {
    this.#faults = faults[Symbol.iterator]();
  }

  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  setConnected(isConnected: boolean): void {
    this.isConnected = isConnected;
    for (const listener of this.#listeners) listener();
  }

  async store(request: StoreRequest): Promise<Stored> {
    if (!this.isConnected) throw new Error('published while disconnected');
    if (this.error) throw this.error;
    const refused = this.refusal?.(request);
    if (refused) throw refused;
    this.mostInFlight = Math.max(this.mostInFlight, ++this.inFlight);
    const fault = this.#faults.next().value ?? 'none';
    const stored = fault === 'lost' ? undefined : this.#keep(request);
    await Promise.resolve();
    this.inFlight--;
    if (fault === 'broken') {
      this.setConnected(false);
      queueMicrotask(() => this.setConnected(true));
    }
    if (fault !== 'none' || stored === undefined) throw new Error('no acknowledgement in time');
    return stored;
  }

  async lastMessage(): Promise<LastMessage | undefined> {
    if (!this.isConnected) throw new Error('asked while disconnected');
    this.readBacks++;
    const messageId = this.stored.at(-1);
    const body = this.bodies.at(-1);
    return messageId === undefined || body === undefined ? undefined : { messageId, body };
  }

  #keep({ messageId, body }: StoreRequest): Stored {
    if (this.remembersIds && this.stored.includes(messageId)) {
      this.duplicates++;
      return { isDuplicate: true };
    }
    this.stored.push(messageId);
    this.bodies.push(body);
    return { isDuplicate: false };
  }
}
