// The bridge as a source: connects, takes what it sends, and connects again for as long as somebody listens. Cold; the
// teardown closes the connection, having said what was accepted.
import {
  concatMap,
  connect,
  defer,
  EMPTY,
  filter,
  ignoreElements,
  map,
  merge,
  Observable,
  retry,
  startWith,
  switchMap,
  take,
  takeUntil,
  tap,
  throwError,
  timer,
} from 'rxjs';
import type { picket } from '../events/proto/picket.js';
import type { FlowBatch } from '../operators/flow.ts';
import { type Backoff, backoffMs } from './backoff.ts';
import {
  BridgeConnection,
  type BridgeConnectionOptions,
  type BridgeMessage,
  type PolicyAnswer,
} from './bridge-connection.ts';
import { BridgeTakenOverError } from './bridge-errors.ts';
import { batchOf } from './bridge-events.ts';
import { logEnforcement } from './enforcement-log.ts';
import type { PolicyRevision } from './policy-revision.ts';

export interface BridgeSourceOptions extends BridgeConnectionOptions {
  /** The revision in force on subscription, and each that follows. */
  readonly revisions: Observable<PolicyRevision>;
  /**
   * Emits once the agent wants to end (and at once to a late subscriber): nothing more is taken, and the source
   * completes when all is settled.
   */
  readonly stop: Observable<unknown>;
  /** Emits whenever something was settled: credit is renewed, and a draining source may be done. */
  readonly settled: Observable<unknown>;
  readonly backoff: Backoff;
  readonly onConnected?: (connection: BridgeConnection, welcome: picket.v1.Welcome) => void;
  readonly onPolicy?: (revision: PolicyRevision, answer: PolicyAnswer) => void;
  readonly onStatistics?: (statistics: picket.v1.IBridgeStatistics) => void;
  /** Events of the agent's own: those that are still to be recorded on subscription, and each that follows. */
  readonly notices?: Observable<Uint8Array>;
}

export function bridgeSource(options: BridgeSourceOptions): Observable<FlowBatch> {
  const { log, backoff, stop } = options;
  return defer(() => oneConnection(options)).pipe(
    retry({
      resetOnSuccess: true,
      delay: (error: Error, attempt) => {
        if (error instanceof BridgeTakenOverError) return throwError(() => error);
        const waitMs = Math.round(backoffMs(backoff, attempt - 1));
        log.warn({ err: error, waitMs }, `${error.message}; trying again`);
        return timer(waitMs).pipe(takeUntil(stop));
      },
    }),
  );
}

interface Incoming {
  readonly connection: BridgeConnection;
  readonly message: BridgeMessage;
}

type Welcomed = Incoming & { readonly message: { readonly is: 'welcome' } };
type Arrived = Incoming & { readonly message: { readonly is: 'events' } };

function oneConnection(options: BridgeSourceOptions): Observable<FlowBatch> {
  const messages = new Observable<Incoming>((subscriber) => {
    const connection = new BridgeConnection(options, {
      message: (message) => subscriber.next({ connection, message }),
      ended: (error) => subscriber.error(error),
    });
    return () => connection.close();
  });
  return messages.pipe(
    tap((incoming) => tell(incoming, options)),
    logEnforcement(options.log),
    connect((incoming) => {
      const welcomed = incoming.pipe(filter((one): one is Welcomed => one.message.is === 'welcome'));
      const batches = incoming.pipe(
        filter((one): one is Arrived => one.message.is === 'events'),
        map(({ message }) => batchOf(message.events, message.welcome, options.log)),
      );
      const duties = welcomed.pipe(
        switchMap(({ connection }) => merge(rules(connection, options), credit(connection, options))),
      );
      const drained = welcomed.pipe(switchMap(({ connection }) => drain(connection, options)));
      const stoppedBeforeWelcome = options.stop.pipe(takeUntil(welcomed));
      return merge(batches, duties).pipe(takeUntil(merge(drained, stoppedBeforeWelcome)));
    }),
  );
}

/** Notices follow the first policy: until it is in force another agent may still be the bridge's. */
function rules(connection: BridgeConnection, options: BridgeSourceOptions) {
  const { notices = EMPTY } = options;
  const recorded = notices.pipe(tap((event) => connection.record(event)));
  return policies(connection, options).pipe(
    connect((answers) =>
      merge(
        answers,
        answers.pipe(
          take(1),
          switchMap(() => recorded),
        ),
      ),
    ),
    ignoreElements(),
  );
}

function policies(connection: BridgeConnection, { revisions, log, onPolicy }: BridgeSourceOptions) {
  return revisions.pipe(
    concatMap(async (revision) => ({ revision, answer: await connection.applyPolicy(revision) })),
    tap(({ revision, answer }) => {
      const { epoch, error, unguarded } = answer;
      if (error === '') log.info({ epoch }, `policy ${epoch} is in force`);
      else log.error({ epoch }, `policy ${epoch} is not in force, the one before stays: ${error}`);
      for (const sentence of unguarded) log.warn({ epoch }, `not guarded: ${sentence}`);
      onPolicy?.(revision, answer);
    }),
  );
}

function credit(connection: BridgeConnection, { settled }: BridgeSourceOptions) {
  return settled.pipe(
    tap(() => connection.renewCredit()),
    ignoreElements(),
  );
}

/** Emits when nothing is taken any more and all that was taken is settled. */
function drain(connection: BridgeConnection, { stop, settled, intake }: BridgeSourceOptions) {
  return stop.pipe(
    take(1),
    tap(() => connection.stopTaking()),
    switchMap(() => settled.pipe(startWith(undefined))),
    filter(() => intake.isIdle),
    take(1),
  );
}

function tell({ connection, message }: Incoming, options: BridgeSourceOptions): void {
  if (message.is === 'statistics') options.onStatistics?.(message.statistics);
  if (message.is !== 'welcome') return;
  const { backend, generation, bridgeInstance } = message.welcome;
  options.log.info(
    { backend, generation: Number(generation), bridgeInstance },
    `connected to the bridge (backend ${backend})`,
  );
  options.onConnected?.(connection, message.welcome);
}
