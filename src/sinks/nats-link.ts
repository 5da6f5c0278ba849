// The connection to NATS as a publisher needs it: is it there, store this message, what was stored last. It dials for as
// long as it lives; nothing is handed to the client while it is disconnected, for the client's own queue is unbounded
// and thrown away at each dial.

import { setTimeout as delay } from 'node:timers/promises';
import { type JetStreamClient, type JetStreamManager, jetstream, jetstreamManager } from '@nats-io/jetstream';
import { type ConnectionOptions, connect, headers, type NatsConnection } from '@nats-io/transport-node';
import type { Logger } from 'pino';
import { type Backoff, backoffMs } from '../sources/backoff.ts';
import { adviceForDial } from './publish-errors.ts';

export interface StoreRequest {
  readonly subject: string;
  readonly stream: string;
  readonly messageId: string;
  readonly body: Uint8Array;
  readonly timeoutMs: number;
}

export interface Stored {
  readonly isDuplicate: boolean;
}

export interface LastMessage {
  /** Its Nats-Msg-Id. */
  readonly messageId: string;
  readonly body: Uint8Array;
}

export interface NatsLink {
  readonly isConnected: boolean;
  /** What the server takes as one message; a cautious guess until it has said so. */
  readonly maxMessageBytes: number;
  /** Resolves with the server's acknowledgement. Rejects when there is none in time, or the server refuses. */
  store(request: StoreRequest): Promise<Stored>;
  /** The last message stored with this subject; undefined: there is none. */
  lastMessage(stream: string, subject: string): Promise<LastMessage | undefined>;
  /** Calls back at each change of isConnected; returns how to stop that. */
  onChange(listener: () => void): () => void;
}

export interface NatsLinkOptions {
  readonly connection: ConnectionOptions;
  readonly backoff: Backoff;
  readonly log: Logger;
}

/** Subject, headers and protocol around a body; generous. */
const HEADER_ROOM_BYTES = 1024;
/** A server answers this from memory; a stream that does not exist answers nothing. */
const READ_BACK_MS = 2_000;
const DEFAULT_MAX_PAYLOAD_BYTES = 1024 * 1024;

export class NatsLinkConnection implements NatsLink {
  readonly #options: NatsLinkOptions;
  readonly #listeners = new Set<() => void>();
  readonly #closing = new AbortController();
  #connection: NatsConnection | undefined;
  #client: JetStreamClient | undefined;
  #manager: JetStreamManager | undefined;
  #isConnected = false;
  #lostAt = 0;
  #maxPayloadBytes = DEFAULT_MAX_PAYLOAD_BYTES;
  readonly #ended: Promise<void>;

  constructor(options: NatsLinkOptions) {
    this.#options = options;
    this.#ended = this.#run();
  }

  get isConnected(): boolean {
    return this.#isConnected;
  }

  get maxMessageBytes(): number {
    return this.#maxPayloadBytes - HEADER_ROOM_BYTES;
  }

  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  async store({ subject, stream, messageId, body, timeoutMs }: StoreRequest): Promise<Stored> {
    const client = this.#client;
    if (client === undefined || !this.#isConnected) throw new Error('not connected to NATS');
    const { duplicate } = await client.publish(subject, body, {
      msgID: messageId,
      expect: { streamName: stream },
      headers: headers(),
      timeout: timeoutMs,
      retries: 1,
    });
    return { isDuplicate: duplicate };
  }

  async lastMessage(stream: string, subject: string): Promise<LastMessage | undefined> {
    const manager = this.#manager;
    if (manager === undefined || !this.#isConnected) throw new Error('not connected to NATS');
    // In this form the subject stands in the request's own subject: a permission can cover just this one.
    const message = await manager.direct.getMessage(stream, { last_by_subj: subject });
    if (message === null) return undefined;
    return { messageId: message.header.get('Nats-Msg-Id'), body: message.data };
  }

  /** Closes within the bound; a server that does not answer is left. */
  async close(): Promise<void> {
    this.#closing.abort();
    await this.#connection?.close();
    await this.#ended;
  }

  /** The client reconnects by itself; where it gave up (credentials refused twice) or never got through, we dial. */
  async #run(): Promise<void> {
    const { signal } = this.#closing;
    for (let attempt = 0; !signal.aborted; attempt++) {
      try {
        const connection = await connect({
          reconnect: true,
          maxReconnectAttempts: -1,
          reconnectDelayHandler: () => this.#redialMs(),
          pingInterval: 10_000,
          maxPingOut: 2,
          timeout: 5_000,
          ...this.#options.connection,
        });
        if (signal.aborted) return await connection.close();
        attempt = 0;
        await this.#attend(connection);
      } catch (error) {
        this.#options.log.warn({ err: error }, `cannot reach NATS: ${adviceForDial(error)}; trying again`);
      }
      await delay(backoffMs(this.#options.backoff, attempt), undefined, { signal }).catch(() => undefined);
    }
  }

  /** The client asks for it again and again without a number: by the time since the loss it doubles, too. */
  #redialMs(): number {
    const { backoff } = this.#options;
    const lostMs = performance.now() - this.#lostAt;
    return backoffMs(backoff, Math.max(0, Math.log2(lostMs / backoff.firstMs)));
  }

  async #attend(connection: NatsConnection): Promise<void> {
    this.#connection = connection;
    this.#client = jetstream(connection);
    this.#manager = await jetstreamManager(connection, { checkAPI: false, timeout: READ_BACK_MS });
    this.#changed(true);
    for await (const status of connection.status()) {
      if (status.type === 'disconnect') this.#changed(false);
      else if (status.type === 'reconnect') this.#changed(true);
      else if (status.type === 'error')
        this.#options.log.warn({ err: status.error }, `NATS says: ${status.error.message}`);
    }
    this.#changed(false);
    const reason = await connection.closed();
    if (reason instanceof Error) throw reason;
  }

  #changed(isConnected: boolean): void {
    if (isConnected) this.#maxPayloadBytes = this.#connection?.info?.max_payload ?? DEFAULT_MAX_PAYLOAD_BYTES;
    if (isConnected === this.#isConnected) return;
    this.#isConnected = isConnected;
    this.#lostAt = performance.now();
    if (isConnected) this.#options.log.info({ server: this.#connection?.getServer() }, 'connected to NATS');
    else if (!this.#closing.signal.aborted) this.#options.log.warn('the connection to NATS is lost');
    for (const listener of this.#listeners) listener();
  }
}
