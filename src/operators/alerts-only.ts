// The alert lane's view of what was decided: the copies of events that raised an alert.
import { filter, map, type OperatorFunction, pipe } from 'rxjs';
import type { DecidedBatch, FlowBatch } from './flow.ts';

export function alertsOnly(): OperatorFunction<DecidedBatch, FlowBatch> {
  return pipe(
    filter((batch) => batch.alerts.length > 0 || batch.endOfSource === true),
    map(({ alerts, ...batch }) => ({ ...batch, events: alerts, losses: [], malformed: 0 })),
  );
}
