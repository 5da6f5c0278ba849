// Events as a recording (*.picket), written to a stream that may be slower.
import { once } from 'node:events';
import type { Writable } from 'node:stream';
import { concatMap, type OperatorFunction } from 'rxjs';
import type { FlowBatch, Receipt } from '../operators/flow.ts';
import { recordedEvent } from '../sources/recording.ts';

export function recordingSink(stream: Writable): OperatorFunction<FlowBatch, Receipt> {
  return concatMap(async ({ events }): Promise<Receipt> => {
    await writeRecording(
      stream,
      events.map(({ bytes }) => bytes),
    );
    return { outcome: 'acknowledged', events };
  });
}

export async function writeRecording(stream: Writable, events: readonly Uint8Array[]): Promise<void> {
  if (events.length === 0) return;
  if (!stream.write(Buffer.concat(events.map(recordedEvent)))) await once(stream, 'drain');
}
