// An agent of few lines for the tests of the bridge: it speaks bridge.proto and answers as it is told.
import { closeSync, constants, openSync, writeSync } from 'node:fs';
import { connect, Socket } from 'node:net';
import Long from 'long';
import { picket } from '../../src/events/proto/picket.js';
import { waitFor } from '../system/harness/wait.ts';

const { LaneToAgent, LaneToBridge, ToAgent, ToBridge } = picket.v1;
export type Request = picket.v1.AuthRequest;
export type VerdictOf = (request: Request) => picket.v1.IAuthVerdict | undefined;

export interface AgentOptions {
  readonly name?: string;
  readonly bridgeInstance?: string;
  readonly acceptedThrough?: number;
  readonly credit?: number;
  /** Gives the verdict on a request of the FIFO; undefined: none is sent. Default: allow. */
  readonly lane?: VerdictOf;
  /** The same for requests over the socket. */
  readonly slow?: VerdictOf;
  readonly pongs?: boolean;
  /** Answers PolicySwitch. */
  readonly switches?: boolean;
}

export const long = (value: number): Long => Long.fromNumber(value, true);

export function frameOf(message: Uint8Array): Buffer {
  const header = Buffer.alloc(4);
  header.writeUInt32LE(message.length);
  return Buffer.concat([header, message]);
}

/** Splits a stream into frames. */
function frames(take: (frame: Buffer) => void): (chunk: Buffer) => void {
  let rest = Buffer.alloc(0);
  return (chunk) => {
    rest = Buffer.concat([rest, chunk]);
    while (rest.length >= 4 && rest.length - 4 >= rest.readUInt32LE()) {
      const length = rest.readUInt32LE();
      take(rest.subarray(4, 4 + length));
      rest = rest.subarray(4 + length);
    }
  };
}

const allow: VerdictOf = (request) => ({ id: request.id, epoch: request.epoch, verdict: 1 });

export class TestAgent {
  readonly events: picket.v1.Event[] = [];
  readonly firstSequences: number[] = [];
  readonly losses: picket.v1.ILoss[] = [];
  readonly requests: Request[] = [];
  readonly slowRequests: Request[] = [];
  readonly applied: picket.v1.IPolicyApplied[] = [];
  readonly switchedTo: number[] = [];
  statistics: picket.v1.IBridgeStatistics | undefined;
  welcome: picket.v1.IWelcome | undefined;
  refused: string | undefined;
  closed = false;
  endOfSource = false;
  pings = 0;
  options: AgentOptions;
  private socket: Socket;
  private requestFifo: Socket | undefined;
  private verdictFd = -1;

  constructor(path: string, options: AgentOptions = {}) {
    this.options = options;
    this.socket = connect(path);
    this.socket.on(
      'data',
      frames((frame) => this.take(frame)),
    );
    this.socket.on('close', () => {
      this.closed = true;
      this.closeLane();
    });
    this.socket.on('error', () => {});
    this.say({
      hello: {
        protocol: 1,
        agent: options.name ?? 'test',
        bridgeInstance: options.bridgeInstance ?? '',
        acceptedThrough: long(options.acceptedThrough ?? 0),
      },
    });
  }

  say(message: picket.v1.IToBridge): void {
    this.socket.write(frameOf(ToBridge.encode(message).finish()));
  }

  /** All that was said has left this process. */
  get isFlushed(): boolean {
    return this.socket.writableLength === 0;
  }

  sayBytes(bytes: Uint8Array): void {
    this.socket.write(bytes);
  }

  sayLane(message: picket.v1.ILaneToBridge): void {
    if (this.verdictFd < 0) return;
    try {
      writeSync(this.verdictFd, frameOf(LaneToBridge.encode(message).finish()));
    } catch (error) {
      // The bridge has closed its end: another agent took over.
      if ((error as NodeJS.ErrnoException).code !== 'EPIPE') throw error;
    }
  }

  /** Until the bridge has welcomed it and its policy is in force. */
  async start(policy: picket.v1.IPolicy): Promise<this> {
    await waitFor('Welcome', () => this.welcome !== undefined || this.refused !== undefined);
    this.openLane();
    await this.policy(policy);
    this.say({ credit: { events: this.options.credit ?? 100_000, acceptedThrough: long(0) } });
    return this;
  }

  async policy(policy: picket.v1.IPolicy): Promise<picket.v1.IPolicyApplied> {
    const before = this.applied.length;
    this.say({ policy });
    return waitFor('PolicyApplied', () => this.applied[before]);
  }

  openLane(): void {
    const { requestFifo, verdictFifo } = this.welcome ?? {};
    if (!requestFifo || !verdictFifo) throw new Error(`no FIFOs in the Welcome; refused: ${this.refused}`);
    const fd = openSync(Buffer.from(requestFifo), constants.O_RDONLY | constants.O_NONBLOCK);
    this.verdictFd = openSync(Buffer.from(verdictFifo), constants.O_WRONLY);
    this.requestFifo = new Socket({ fd, readable: true, writable: false });
    this.requestFifo.on('error', () => {});
    this.requestFifo.on(
      'data',
      frames((frame) => this.takeLane(frame)),
    );
  }

  /** As a process that is killed: everything closes at once. */
  kill(): void {
    this.socket.destroy();
    this.closeLane();
  }

  private closeLane(): void {
    this.requestFifo?.destroy();
    if (this.verdictFd >= 0) closeSync(this.verdictFd);
    this.verdictFd = -1;
  }

  private take(frame: Buffer): void {
    const message = ToAgent.decode(frame);
    if (message.welcome) this.welcome = message.welcome;
    if (message.refused) this.refused = message.refused.reason ?? '';
    if (message.statistics) this.statistics = message.statistics;
    if (message.policyApplied) this.applied.push(message.policyApplied);
    if (message.authRequest) {
      const request = new picket.v1.AuthRequest(message.authRequest);
      this.slowRequests.push(request);
      const verdict = (this.options.slow ?? allow)(request);
      if (verdict) this.say({ authVerdict: verdict });
    }
    if (message.events) {
      const { events, losses, firstSequence, endOfSource } = message.events;
      if (events && events.length > 0) this.firstSequences.push(Number(firstSequence));
      for (const bytes of events ?? []) this.events.push(picket.v1.Event.decode(bytes));
      this.losses.push(...(losses ?? []));
      if (endOfSource) this.endOfSource = true;
    }
  }

  private takeLane(frame: Buffer): void {
    const message = LaneToAgent.decode(frame);
    if (message.ping) {
      this.pings += 1;
      if (this.options.pongs !== false) this.sayLane({ pong: { number: message.ping.number ?? long(0) } });
    }
    if (message.policySwitch) {
      this.switchedTo.push(Number(message.policySwitch.epoch));
      if (this.options.switches !== false)
        this.sayLane({ switched: { epoch: message.policySwitch.epoch ?? long(0) } });
    }
    if (message.authRequest) {
      const request = new picket.v1.AuthRequest(message.authRequest);
      this.requests.push(request);
      const verdict = (this.options.lane ?? allow)(request);
      if (verdict) this.sayLane({ authVerdict: verdict });
    }
  }
}
