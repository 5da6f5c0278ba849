// From the bridge's Events messages to a batch of the pipeline: each event with the few fields by which it is routed.
import type { Logger } from 'pino';
import { headerOf } from '../events/encoded-event.ts';
import type { Loss } from '../events/event-batch.ts';
import type { picket } from '../events/proto/picket.js';
import type { FlowBatch, FlowEvent } from '../operators/flow.ts';

export function batchOf(
  messages: readonly picket.v1.IEvents[],
  { bridgeInstance, host }: picket.v1.IWelcome,
  log: Logger,
): FlowBatch {
  const events: FlowEvent[] = [];
  const losses: Loss[] = [];
  let malformed = 0;
  let endOfSource = false;
  for (const message of messages) {
    for (const bytes of message.events ?? []) {
      const event = eventOf(bytes, log);
      if (event === undefined) malformed++;
      else events.push(event);
    }
    for (const loss of message.losses ?? []) losses.push(lossOf(loss));
    endOfSource ||= message.endOfSource === true;
  }
  return {
    events,
    losses,
    malformed,
    bridgeInstance: bridgeInstance ?? '',
    ...(host ? { host } : {}),
    ...(endOfSource ? { endOfSource } : {}),
  };
}

function eventOf(bytes: Uint8Array, log: Logger): FlowEvent | undefined {
  try {
    const { sequence, trigger, kind, action } = headerOf(bytes);
    return { bytes, sequence, trigger, kind, action };
  } catch (error) {
    log.warn(
      { err: error, bytes: bytes.length },
      'an event of the bridge cannot be read; counted as malformed',
    );
    return undefined;
  }
}

function lossOf(loss: picket.v1.ILoss): Loss {
  return {
    cause: loss.cause ?? '',
    kind: loss.kind ?? 0,
    action: loss.action ?? '',
    count: Number(loss.count ?? 0),
    firstSequence: Number(loss.firstSequence ?? 0),
    lastSequence: Number(loss.lastSequence ?? 0),
    fromNs: BigInt(String(loss.fromNs ?? 0)),
    toNs: BigInt(String(loss.toNs ?? 0)),
  };
}
