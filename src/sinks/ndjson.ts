// Events as NDJSON: one line each, in ECS names, with what Picket has to say under "picket". In order; the next batch
// is printed when the output has taken the one before.
import type { Writable } from 'node:stream';
import { concatMap, type OperatorFunction, takeWhile } from 'rxjs';
import { decodeEvent } from '../events/decode-event.ts';
import type { EcsPicket } from '../events/ecs-event.ts';
import { stringifyEvent } from '../events/stringify-event.ts';
import type { FlowEvent, OutgoingBatch, Receipt } from '../operators/flow.ts';

/** Takes text; resolves when it may have more. `closed`: nobody reads any more. */
export type WriteText = (text: string) => Promise<'taken' | 'closed'>;

/**
 * Completes once the output is closed (`| head` is no error), which ends the source; the batch that could not be
 * printed is shed. What waits is bounded by the source, which reads on only as events are settled.
 */
export function ndjsonSink(options: {
  readonly write: WriteText;
}): OperatorFunction<Pick<OutgoingBatch, 'events'>, Receipt> {
  return (source) =>
    source.pipe(
      concatMap(async ({ events }): Promise<Receipt> => {
        const text = events.map(ndjsonLine).join('');
        const outcome = text === '' ? 'taken' : await options.write(text);
        return { outcome: outcome === 'taken' ? 'acknowledged' : 'shed', events };
      }),
      takeWhile(({ outcome }) => outcome === 'acknowledged', true),
    );
}

/** The line of one event, its end included. */
export function ndjsonLine(event: FlowEvent): string {
  const { picket, ...ecs } = decodeEvent(event.bytes);
  const { trigger, decision, rules, tags, ...more } = picket ?? {};
  const said: EcsPicket = {
    trigger: trigger ?? event.trigger,
    decision: decision ?? event.decision?.verdict ?? 'none',
    rules: rules ?? event.decision?.rules ?? [],
    tags: tags ?? event.decision?.tags ?? [],
    ...more,
  };
  return `${stringifyEvent({ ...ecs, picket: said })}\n`;
}

/** Writes to a stream and waits while it is full. A reader that has gone is the end, not an error. */
export function writeTo(stream: Writable): WriteText {
  let isClosed = false;
  let failure: Error | undefined;
  const waiting = new Set<() => void>();
  const wake = (): void => {
    for (const each of waiting) each();
    waiting.clear();
  };
  stream.on('error', (error: NodeJS.ErrnoException) => {
    isClosed = true;
    if (error.code !== 'EPIPE' && error.code !== 'ERR_STREAM_DESTROYED') failure = error;
    wake();
  });
  stream.on('close', () => {
    isClosed = true;
    wake();
  });
  stream.on('drain', wake);
  return async (text) => {
    if (!isClosed && !stream.write(text)) await new Promise<void>((resolve) => waiting.add(resolve));
    if (failure !== undefined) throw failure;
    return isClosed ? 'closed' : 'taken';
  };
}
