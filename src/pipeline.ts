// The map. What an endpoint's events pass on their way from the bridge to the backend; each step is a file in
// operators/, and each event that leaves the way is counted in the ledger where it leaves.
import { connect, identity, type MonoTypeOperatorFunction, merge, type Observable } from 'rxjs';
import { alertsOnly } from './operators/alerts-only.ts';
import { type BatchOptions, batch } from './operators/batch.ts';
import { type DecideOptions, decide } from './operators/decide.ts';
import { type EnrichOptions, enrich } from './operators/enrich.ts';
import type { DecidedBatch, FlowBatch, OutgoingBatch, Receipt } from './operators/flow.ts';
import { type IngestOptions, ingest } from './operators/ingest.ts';
import { type PrioritiseOptions, prioritise } from './operators/prioritise.ts';
import { settle } from './operators/settle.ts';

export interface PipelineParts {
  readonly source: Observable<FlowBatch>;
  readonly ingest: IngestOptions;
  readonly enrich: EnrichOptions;
  readonly decide: DecideOptions;
  /** `watchDenials()`: looks at what new rules deny. Nobody is denied anything in a replay. */
  readonly watchDenials?: MonoTypeOperatorFunction<DecidedBatch>;
  /** `compareStatic()`: what a shadow set says of what the bridge answered by itself. */
  readonly compareStatic?: MonoTypeOperatorFunction<DecidedBatch>;
  /** `dedupe()`: made by the caller, for its keys can be wrong. */
  readonly dedupe: MonoTypeOperatorFunction<FlowBatch>;
  readonly prioritise: PrioritiseOptions;
  readonly batch: BatchOptions;
  readonly alertBatch: BatchOptions;
  readonly publish: (batches: Observable<OutgoingBatch>) => Observable<Receipt>;
  readonly publishAlerts: (batches: Observable<OutgoingBatch>) => Observable<Receipt>;
}

/** Completes when the source has completed and everything is delivered. */
export function pipeline(parts: PipelineParts): Observable<Receipt> {
  const decided = parts.source.pipe(
    ingest(parts.ingest),
    enrich(parts.enrich),
    decide(parts.decide),
    parts.watchDenials ?? identity,
    parts.compareStatic ?? identity,
  );
  return decided.pipe(
    connect((batches) =>
      merge(
        // Alerts first and in a lane of their own: no queue of events stands before them.
        batches.pipe(alertsOnly(), batch(parts.alertBatch), parts.publishAlerts),
        batches.pipe(
          parts.dedupe,
          prioritise(parts.prioritise), // backpressure
          batch(parts.batch),
          parts.publish,
        ),
      ),
    ),
    settle(),
  );
}
