// The border of the agent: counts what comes in, passes over what came before on an earlier connection, and opens the
// account by which the bridge hears of each event's end.
import { map, type OperatorFunction } from 'rxjs';
import { EVENT_KIND } from '../events/triggers.ts';
import type { Ledger } from '../observe/ledger.ts';
import type { Intake } from '../sources/intake.ts';
import type { FlowBatch, FlowEvent } from './flow.ts';

export interface IngestOptions {
  readonly ledger: Ledger;
  /** Without one (replay) nobody waits for acceptance, and sequences are taken as they come. */
  readonly intake?: Intake;
  /** An event that came before under another number: asked of each that is new by its number. */
  readonly isRepeat?: (event: FlowEvent) => boolean;
}

export function ingest({ ledger, intake, isRepeat }: IngestOptions): OperatorFunction<FlowBatch, FlowBatch> {
  return map((batch) => {
    ledger.malformed += batch.malformed;
    for (const loss of batch.losses) ledger.lost(loss);
    const fresh = intake ? takeIn(batch, intake, ledger, isRepeat) : batch.events;
    ledger.received += fresh.length;
    for (const event of fresh) if (event.kind === EVENT_KIND.auth) ledger.authAudits++;
    return fresh === batch.events ? batch : { ...batch, events: fresh };
  });
}

function takeIn(
  batch: FlowBatch,
  intake: Intake,
  ledger: Ledger,
  isRepeat: IngestOptions['isRepeat'],
): readonly FlowEvent[] {
  const { receivedThrough } = intake;
  let bytes = 0;
  let lastSequence = receivedThrough;
  const kept: FlowEvent[] = [];
  for (const event of batch.events) {
    if (event.sequence <= lastSequence) continue;
    lastSequence = event.sequence;
    if (isRepeat?.(event)) continue;
    bytes += event.bytes.length;
    kept.push(event);
  }
  const repeated = batch.events.length - kept.length;
  ledger.repeated += repeated;
  intake.spent(repeated + batch.malformed);
  if (kept.length === 0) return kept;
  const origin = intake.open(lastSequence, kept.length, bytes);
  return kept.map(({ bytes, sequence, trigger, kind, action }) => ({
    bytes,
    sequence,
    trigger,
    kind,
    action,
    origin,
  }));
}
