// The assembled agent: configuration in, a running pipeline out. Everything that lives is made here and ends here.
import type { Logger } from 'pino';
import { EMPTY, merge, type Observable, ReplaySubject, Subject, Subscription, takeUntil, tap } from 'rxjs';
import { type Lane, startLane } from './auth/lane.ts';
import type { LaneReport } from './auth/lane-statistics.ts';
import { type SlowLaneStatistics, slowLane } from './auth/slow-lane.ts';
import { natsConnectionOptions } from './config/nats-options.ts';
import { watchRuleFiles } from './config/rule-files.ts';
import type { Config } from './config/schema.ts';
import { deliveryParts, intakeLimits, natsBackoff } from './delivery.ts';
import type { picket } from './events/proto/picket.js';
import type { Trigger } from './events/triggers.ts';
import { Ledger } from './observe/ledger.ts';
import { dedupe } from './operators/dedupe.ts';
import { pipeline } from './pipeline.ts';
import { RulesInForce } from './rules-in-force.ts';
import { compareStatic } from './shadow/compare-static.ts';
import { differenceNotice } from './shadow/difference-notice.ts';
import { Differences, type ShadowSummary } from './shadow/differences.ts';
import { NatsLinkConnection } from './sinks/nats-link.ts';
import { bridgeSource } from './sources/bridge.ts';
import { BridgeTakenOverError } from './sources/bridge-errors.ts';
import { Intake } from './sources/intake.ts';
import { Notices } from './sources/notices.ts';

export interface AgentOptions {
  readonly config: Config;
  readonly version: string;
  readonly log: Logger;
  /** Ends when the source has said that nothing follows (replay), as if stop() had been called. */
  readonly untilEndOfSource?: boolean;
}

export interface AgentReport {
  readonly ledger: Ledger;
  /** Events and alert copies that could not be delivered within the bound of the drain. */
  readonly undelivered: number;
  /** Another agent speaks for the bridge now, and gets from it what this one had not yet delivered. */
  readonly isTakenOver: boolean;
  readonly lane: LaneReport | undefined;
  readonly slowLane: Readonly<SlowLaneStatistics>;
  readonly shadow: ShadowSummary;
  readonly bridge: picket.v1.IBridgeStatistics | undefined;
}

export interface Agent {
  readonly ledger: Ledger;
  /** Resolves when the first policy is in force at the bridge. */
  readonly guarding: Promise<void>;
  /** Resolves after stop(), when all is delivered or the bound is over. Rejects if the pipeline failed. */
  readonly ended: Promise<AgentReport>;
  /** Loads the rules again. */
  reload(): void;
  /** Takes nothing more, delivers what is here, ends. */
  stop(): void;
  report(): AgentReport;
  /** Resolves when no thread of the auth lane is left: before that, process.exit() would wait for it for ever. */
  laneEnded(): Promise<unknown>;
}

/** How long the connection to NATS may take to close. */
const CLOSE_MS = 2_000;

/** Rejects with RuleFileError when the rules are wrong; NATS and the bridge may come later. */
export async function startAgent({ config, version, log, ...options }: AgentOptions): Promise<Agent> {
  const ledger = new Ledger();
  const stop$ = new ReplaySubject<void>(1);
  const reload$ = new Subject<void>();
  const guarding = Promise.withResolvers<void>();
  const stop = (): void => stop$.next();

  // What can be wrong in the configuration shows before anything runs, and is not taken for the rules' doing.
  const deduped = dedupe({
    rules: config.dedupe.rules.map(({ on, key }) => ({ triggers: on as Trigger[], key })),
    windowMs: config.dedupe.window_ms,
    maxKeys: config.dedupe.max_keys,
    ledger,
  });
  const natsConnection = await natsConnectionOptions(config);

  const files = watchRuleFiles([...config.rules.paths, ...config.rules.shadow], log);
  const changes = config.rules.watch ? files.changes : EMPTY;
  const notices = new Notices();
  const rules = await RulesInForce.load({
    config,
    version,
    log,
    onFiles: (read) => files.add(read),
    notices,
  });

  const { platform } = config.rules;
  const differences = new Differences({
    log,
    notify: (difference, sample) =>
      notices.add((createdNs) => differenceNotice({ createdNs, platform, difference, sample })),
  });

  let lane: Lane | undefined;
  let bridgeStatistics: picket.v1.IBridgeStatistics | undefined;
  const settled$ = new Subject<void>();
  // Past the lanes, which pass an error on behind all that they hold: the other agent gets that from the bridge, and
  // whatever this one still delivered would be there twice.
  const takenOver$ = new Subject<never>();
  const intake = new Intake(intakeLimits(config), () => settled$.next());
  const slow = slowLane({
    log,
    shadowSink: differences,
  });
  const source = bridgeSource({
    socketPath: config.bridge.socket,
    agent: config.agent.name,
    version,
    intake,
    startLane: (laneOptions) => {
      lane = startLane({ ...laneOptions, shadowSink: differences });
      lane.ended.catch((error) => rules.laneFailed(error));
      return lane;
    },
    answerSlowly: slow.answer,
    revisions: rules.revisions,
    notices: notices.toSend,
    stop: stop$,
    settled: settled$,
    backoff: { firstMs: config.bridge.retry_first_ms, maxMs: config.bridge.retry_max_ms },
    log,
    onPolicy: (revision, answer) => {
      rules.answered(revision, answer);
      if (answer.error === '') guarding.resolve();
    },
    onStatistics: (statistics) => {
      bridgeStatistics = statistics;
    },
  }).pipe(
    tap({
      next: (batch) => batch.endOfSource && options.untilEndOfSource && stop(),
      error: (error) => error instanceof BridgeTakenOverError && takenOver$.error(error),
    }),
  );

  rules.reloads(merge(reload$, changes)).pipe(takeUntil(stop$)).subscribe();
  const link = new NatsLinkConnection({
    connection: natsConnection,
    backoff: natsBackoff(config),
    log,
  });
  const receipts = pipeline({
    source,
    ingest: { ledger, intake, isRepeat: (event) => notices.isRepeat(event) },
    enrich: { host: { name: config.agent.name } },
    decide: {
      rules: () => rules.rules(),
      ledger,
      onError: (error, { trigger, sequence }) =>
        log.error(
          { err: error, trigger, sequence },
          `an event of ${trigger} could not be judged; forwarded as it is`,
        ),
    },
    watchDenials: rules.watchDenials(),
    compareStatic: compareStatic(() => rules.shadow(), differences),
    dedupe: deduped,
    ...deliveryParts(config, link, ledger, log),
  });

  let isTakenOver = false;
  const report = (): AgentReport => ({
    ledger,
    isTakenOver,
    undelivered: ledger.unfinished(),
    lane: lane?.statistics(),
    slowLane: slow.statistics,
    shadow: differences.summary(),
    bridge: bridgeStatistics,
  });
  const running = run(receipts.pipe(takeUntil(takenOver$)), stop$, config.agent.drain_ms).catch((error) => {
    if (!(error instanceof BridgeTakenOverError)) throw error;
    isTakenOver = true;
    log.warn(`${error.message}; this one ends`);
  });
  // A pipeline that failed may have failed by its rules: their trial stays open.
  const ended = running
    .then(() => rules.close())
    .finally(async () => {
      stop();
      await Promise.race([link.close(), new Promise((resolve) => setTimeout(resolve, CLOSE_MS).unref())]);
    });
  guarding.promise.catch(() => undefined);
  return {
    ledger,
    guarding: guarding.promise,
    ended: ended.then(report),
    reload: () => reload$.next(),
    stop,
    report,
    laneEnded: async () => await lane?.ended.catch(() => undefined),
  };
}

/** Until the pipeline completes, or the bound is over after the call to stop; then everything is let go. */
function run(receipts: Observable<unknown>, stop$: Observable<void>, drainMs: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const all = new Subscription();
    let timer: NodeJS.Timeout | undefined;
    const end = (settle: () => void): void => {
      clearTimeout(timer);
      all.unsubscribe();
      settle();
    };
    all.add(
      stop$.subscribe(() => {
        timer ??= setTimeout(() => end(resolve), drainMs);
      }),
    );
    all.add(receipts.subscribe({ error: (error) => end(() => reject(error)), complete: () => end(resolve) }));
  });
}
