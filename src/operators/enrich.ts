// Adds what the source does not know and every event of a batch shares: the host, by its configured name.
import { map, type OperatorFunction } from 'rxjs';
import type { picket } from '../events/proto/picket.js';
import type { FlowBatch } from './flow.ts';

export interface EnrichOptions {
  /** Overrides what the source says of the host, field by field; used alone where the source says nothing. */
  readonly host: picket.v1.IHost;
}

export function enrich({ host }: EnrichOptions): OperatorFunction<FlowBatch, FlowBatch> {
  return (source) => {
    // A source hands out one host object a connection: the merged one is made once, too.
    let seen: picket.v1.IHost | undefined;
    let merged: picket.v1.IHost = host;
    return source.pipe(
      map((batch) => {
        if (batch.host !== seen) {
          seen = batch.host;
          merged = { ...seen, ...host };
        }
        return { ...batch, host: merged };
      }),
    );
  };
}
