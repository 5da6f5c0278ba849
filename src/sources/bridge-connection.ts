// One connection to the bridge, from Hello to its end: events in, credit out, the policy that the bridge is to follow,
// and the auth lane's FIFOs, which live exactly as long.
import { createConnection, type Socket } from 'node:net';
import Long from 'long';
import type { Logger } from 'pino';
import type { Lane, LaneOptions } from '../auth/lane.ts';
import { LaneError } from '../auth/lane-error.ts';
import type { AnswerSlowly } from '../auth/slow-lane.ts';
import { picket } from '../events/proto/picket.js';
import {
  BridgeClosedError,
  BridgeProtocolError,
  BridgeRefusedError,
  BridgeTakenOverError,
  BridgeUnreachableError,
} from './bridge-errors.ts';
import { encodeFrame, FrameSplitter } from './frames.ts';
import type { Intake } from './intake.ts';
import type { PolicyRevision } from './policy-revision.ts';

const PROTOCOL = 1;
const MAX_FRAME_BYTES = 1024 * 1024;
/** Credit waits this long for company, unless half of it is used up. */
const CREDIT_DELAY_MS = 20;
/** The socket ends together with the lane; this much later something is wrong with it. */
const END_OF_LANE_MS = 1_000;
/** The bridge answers Hello at once, also while another agent serves; one that does not is stopped, or no bridge. */
const WELCOME_MS = 10_000;

export interface BridgeConnectionOptions {
  readonly socketPath: string;
  readonly agent: string;
  readonly version: string;
  /** Outlives connections: what was received on one is not received again on the next. */
  readonly intake: Intake;
  readonly startLane: (options: LaneOptions) => Lane;
  readonly answerSlowly: AnswerSlowly;
  readonly log: Logger;
  /** How long the bridge may take to answer Hello. */
  readonly welcomeMs?: number;
}

export type BridgeMessage =
  | { readonly is: 'welcome'; readonly welcome: picket.v1.Welcome }
  /** All Events messages that one read of the socket held. */
  | {
      readonly is: 'events';
      readonly welcome: picket.v1.Welcome;
      readonly events: readonly picket.v1.IEvents[];
    }
  | { readonly is: 'statistics'; readonly statistics: picket.v1.IBridgeStatistics };

export interface BridgeListener {
  message(message: BridgeMessage): void;
  /** Once, unless this side closed the connection. */
  ended(error: Error): void;
}

/** What the bridge, or before it the auth lane, made of a policy. */
export interface PolicyAnswer {
  readonly epoch: number;
  readonly unguarded: readonly string[];
  /** Empty: applied. Otherwise the policy before stays in force, and this says why. */
  readonly error: string;
}

interface PendingPolicy {
  readonly epoch: number;
  readonly resolve: (answer: PolicyAnswer) => void;
  readonly reject: (error: Error) => void;
}

export class BridgeConnection {
  readonly #options: BridgeConnectionOptions;
  readonly #listener: BridgeListener;
  readonly #socket: Socket;
  readonly #splitter = new FrameSplitter(MAX_FRAME_BYTES);
  readonly #revisions = new Map<number, PolicyRevision>();
  #welcome: picket.v1.Welcome | undefined;
  #lane: Lane | undefined;
  #pendingPolicy: PendingPolicy | undefined;
  #creditTimer: NodeJS.Timeout | undefined;
  readonly #welcomeTimer: NodeJS.Timeout;
  #creditSent = 0;
  #acceptedSent = 0;
  #isDraining = false;
  #hasEnded = false;

  constructor(options: BridgeConnectionOptions, listener: BridgeListener) {
    this.#options = options;
    this.#listener = listener;
    this.#socket = createConnection(options.socketPath);
    this.#welcomeTimer = setTimeout(
      () =>
        this.#end(
          new BridgeClosedError(options.socketPath, 'no Welcome came in time; is the bridge stopped?'),
        ),
      options.welcomeMs ?? WELCOME_MS,
    );
    this.#socket.on('connect', () => this.#sayHello());
    this.#socket.on('data', (chunk: Buffer) => this.#read(chunk));
    this.#socket.on('error', (cause) => this.#end(this.#errorOf(cause)));
    this.#socket.on('close', () =>
      this.#end(new BridgeClosedError(options.socketPath, 'the bridge closed it')),
    );
  }

  get lane(): Lane | undefined {
    return this.#lane;
  }

  /**
   * Makes a revision the bridge's policy: the auth lane has compiled it before the bridge hears of it, so no request
   * ever waits for a compilation. Rejects when the connection ends first, or when it is the connection's first and the
   * lane cannot compile it.
   */
  async applyPolicy(revision: PolicyRevision): Promise<PolicyAnswer> {
    const problem = await this.#prepareLane(revision);
    if (problem !== undefined) return { epoch: revision.epoch, unguarded: [], error: problem };
    if (this.#hasEnded) throw new BridgeClosedError(this.#options.socketPath, 'before the policy was sent');
    this.#revisions.set(revision.epoch, revision);
    // Requests of the epoch before may still be under way; older ones are not.
    for (const epoch of this.#revisions.keys()) if (this.#revisions.size > 3) this.#revisions.delete(epoch);
    const answer = new Promise<PolicyAnswer>((resolve, reject) => {
      this.#pendingPolicy = { epoch: revision.epoch, resolve, reject };
    });
    this.#send({ policy: { ...revision.policy, epoch: Long.fromNumber(revision.epoch, true) } });
    this.renewCredit();
    const { error, ...applied } = await answer;
    if (error === '') return { error, ...applied };
    // No request will carry its epoch, and it must not push out that of the rules in force.
    this.#revisions.delete(revision.epoch);
    this.#lane?.discard(revision.epoch);
    return { error: `the bridge refuses it: ${error}`, ...applied };
  }

  /** Something was settled: the bridge may forget more, or send more. Cheap; may be called for every batch. */
  renewCredit(): void {
    if (this.#welcome === undefined || this.#hasEnded || this.#isDraining) return;
    if (this.#creditTimer !== undefined) return;
    const isUrgent = this.#options.intake.granted * 2 < this.#creditSent || this.#creditSent === 0;
    this.#creditTimer = setTimeout(() => this.#sendCredit(), isUrgent ? 0 : CREDIT_DELAY_MS);
  }

  /** Hands the bridge an event of the agent's own, to be numbered and sent back like any other. */
  record(event: Uint8Array): void {
    this.#send({ notice: { event } });
  }

  /** Takes no more events: what comes now is left to the bridge, which keeps it for the next agent. */
  stopTaking(): void {
    this.#isDraining = true;
  }

  /** Says what is accepted in the end and closes; the bridge then closes the FIFOs, by which the lane ends. */
  close(): void {
    if (this.#hasEnded) {
      this.#socket.destroy();
      return;
    }
    clearTimeout(this.#creditTimer);
    clearTimeout(this.#welcomeTimer);
    this.#hasEnded = true;
    this.#pendingPolicy?.reject(new BridgeClosedError(this.#options.socketPath, 'this agent closed it'));
    if (this.#welcome === undefined) {
      this.#socket.destroy();
      return;
    }
    const credit = this.#frame({ credit: { events: 0, acceptedThrough: this.#accepted() } });
    // Without it the bridge takes the end for a crash, which this is where nobody asked for the end.
    const goodbye = this.#isDraining
      ? this.#frame({ goodbye: { reason: 'the agent was asked to end' } })
      : Buffer.alloc(0);
    this.#socket.end(Buffer.concat([credit, goodbye]));
  }

  #sayHello(): void {
    const { agent, version, intake } = this.#options;
    this.#send({
      hello: {
        protocol: PROTOCOL,
        agent,
        version,
        bridgeInstance: intake.bridgeInstance,
        acceptedThrough: this.#accepted(),
      },
    });
  }

  #read(chunk: Buffer): void {
    if (this.#hasEnded) return;
    try {
      const events: picket.v1.IEvents[] = [];
      for (const frame of this.#splitter.push(chunk)) {
        const message = picket.v1.ToAgent.decode(frame);
        if (message.events) events.push(message.events);
        else this.#handle(message);
        if (this.#hasEnded) return;
      }
      if (events.length > 0 && !this.#isDraining) {
        if (this.#welcome === undefined) throw this.#protocolError('events before Welcome');
        this.#listener.message({ is: 'events', welcome: this.#welcome, events });
        this.renewCredit();
      }
    } catch (error) {
      this.#end(error instanceof Error ? error : new Error(String(error)));
    }
  }

  #handle(message: picket.v1.ToAgent): void {
    if (message.welcome)
      this.#welcomed(message.welcome as picket.v1.Welcome); // decode() leaves no field out
    else if (message.refused) this.#refused(message.refused.reason ?? 'no reason given');
    else if (message.policyApplied) this.#policyApplied(message.policyApplied);
    else if (message.authRequest) this.#answerSlowly(message.authRequest);
    else if (message.statistics) this.#listener.message({ is: 'statistics', statistics: message.statistics });
    // Anything else is of a newer protocol and is passed over.
  }

  #welcomed(welcome: picket.v1.Welcome): void {
    if (this.#welcome !== undefined) throw this.#protocolError('a second Welcome');
    if (welcome.protocol !== PROTOCOL)
      throw this.#protocolError(
        `protocol ${welcome.protocol}, this agent speaks ${PROTOCOL}; bring both to one version`,
      );
    this.#welcome = welcome;
    clearTimeout(this.#welcomeTimer);
    this.#options.intake.connected(welcome.bridgeInstance);
    this.#listener.message({ is: 'welcome', welcome });
  }

  #refused(reason: string): void {
    const { socketPath } = this.#options;
    // Behind a Welcome it can only mean that somebody else was welcomed since.
    this.#end(
      this.#welcome === undefined
        ? new BridgeRefusedError(socketPath, reason)
        : new BridgeTakenOverError(socketPath, reason),
    );
  }

  #policyApplied(applied: picket.v1.IPolicyApplied): void {
    const pending = this.#pendingPolicy;
    const epoch = Number(applied.epoch ?? 0);
    if (pending === undefined || pending.epoch !== epoch) return;
    this.#pendingPolicy = undefined;
    pending.resolve({ epoch, unguarded: applied.unguarded ?? [], error: applied.error ?? '' });
  }

  #answerSlowly(request: picket.v1.IAuthRequest): void {
    const revision = this.#revisions.get(Number(request.epoch ?? 0));
    // Of an epoch that this agent does not know: the guard answers it.
    if (revision === undefined) return;
    this.#options.answerSlowly(request, revision.rules, revision.shadow).then(
      // No verdict: the budget is over, and the guard has answered.
      (authVerdict) => authVerdict && this.#send({ authVerdict }),
      (error) => this.#end(error instanceof Error ? error : new Error(String(error))),
    );
  }

  /** Why the lane goes on with the rules that it has; undefined: it is ready for these. */
  async #prepareLane(revision: PolicyRevision): Promise<string | undefined> {
    const welcome = this.#welcome;
    if (welcome === undefined) throw this.#protocolError('a policy before Welcome');
    if (this.#lane !== undefined)
      return await problemOf(this.#lane.prepare(revision.ruleSet, revision.epoch, revision.shadow));
    // A backend without authorization events hands out no FIFOs.
    if (welcome.requestFifo.length === 0) return undefined;
    const { socketPath, startLane, log } = this.#options;
    const lane = startLane({
      requestFifo: welcome.requestFifo,
      verdictFifo: welcome.verdictFifo,
      platform: revision.platform,
      ruleSet: revision.ruleSet,
      epoch: revision.epoch,
      shadow: revision.shadow,
      log,
      closeConnection: () => this.close(),
    });
    this.#lane = lane;
    lane.ended.then(
      // The FIFOs' end may be noticed before the socket's, which tells the reason.
      () =>
        setTimeout(
          () => this.#end(new BridgeClosedError(socketPath, 'the bridge closed the auth lane')),
          END_OF_LANE_MS,
        ).unref(),
      (cause) => this.#end(new BridgeClosedError(socketPath, 'the auth lane failed', { cause })),
    );
    await lane.ready;
    return undefined;
  }

  #sendCredit(): void {
    this.#creditTimer = undefined;
    if (this.#hasEnded) return;
    const { intake } = this.#options;
    const events = intake.takeCredit();
    const { acceptedThrough } = intake;
    if (events === 0 && acceptedThrough === this.#acceptedSent) return;
    this.#creditSent = intake.granted;
    this.#acceptedSent = acceptedThrough;
    this.#send({ credit: { events, acceptedThrough: this.#accepted() } });
  }

  #accepted(): Long {
    return Long.fromNumber(this.#options.intake.acceptedThrough, true);
  }

  #send(message: picket.v1.IToBridge): void {
    if (!this.#hasEnded && !this.#socket.destroyed) this.#socket.write(this.#frame(message));
  }

  #frame(message: picket.v1.IToBridge): Uint8Array {
    return encodeFrame(picket.v1.ToBridge.encode(message).finish());
  }

  #end(error: Error): void {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    clearTimeout(this.#creditTimer);
    clearTimeout(this.#welcomeTimer);
    this.#socket.destroy();
    this.#pendingPolicy?.reject(error);
    this.#listener.ended(error);
  }

  #errorOf(cause: Error): Error {
    const { socketPath } = this.#options;
    return this.#welcome === undefined
      ? new BridgeUnreachableError(socketPath, cause)
      : new BridgeClosedError(socketPath, cause.message, { cause });
  }

  #protocolError(what: string): BridgeProtocolError {
    return new BridgeProtocolError(this.#options.socketPath, what);
  }
}

/** A lane that cannot prepare more rules still answers by those in force; one that has ended answers nothing. */
async function problemOf(prepared: Promise<void>): Promise<string | undefined> {
  try {
    await prepared;
    return undefined;
  } catch (error) {
    if (error instanceof LaneError && error.failure !== 'ended') return error.message;
    throw error;
  }
}
