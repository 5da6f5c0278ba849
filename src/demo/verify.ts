// What must be true at the end of the demo. Each claim is checked against another witness: the kernel's errno against
// the event that came back, the agent's books against a count of the stream.
import { formatCount } from '../cli/output.ts';
import type { EcsEvent } from '../events/ecs-event.ts';
import type { AgentBooks } from './books.ts';
import type { Collector } from './collector.ts';

export interface Claim {
  readonly what: string;
  readonly holds: boolean;
  readonly found: string;
}

export function claimBooks(books: AgentBooks): readonly Claim[] {
  const { received, filtered, deduplicated, shed, forwarded, events } = books;
  return [
    {
      what: 'The books of the agent balance',
      holds: books.balance && received === forwarded + filtered + deduplicated + shed,
      found: `${formatCount(received)} received = ${formatCount(forwarded)} forwarded + ${formatCount(filtered)} filtered + ${formatCount(deduplicated + shed)} else`,
    },
    {
      what: 'Everything forwarded was acknowledged',
      holds: events.acknowledged === forwarded && books.alertLane.acknowledged === books.alerts,
      found: `${formatCount(events.acknowledged)} of ${formatCount(forwarded)} events, ${formatCount(books.alertLane.acknowledged)} of ${formatCount(books.alerts)} alerts`,
    },
    {
      what: 'Nothing was lost on the way to the agent',
      holds: books.lostUpstream === 0,
      found: `${formatCount(books.lostUpstream)} lost`,
    },
  ];
}

/** What the stream holds against what the agent says it delivered. */
export function claimStream(books: AgentBooks, events: Collector, alerts: Collector): readonly Claim[] {
  const problems = [
    ...events.problems,
    ...alerts.problems,
    ...unequalBatches(events),
    ...unequalBatches(alerts),
  ];
  const sequences = new Set(events.events.map(({ event }) => String(event.event?.sequence)));
  const ids = new Set([...events.batches, ...alerts.batches].map(({ messageId }) => messageId));
  const batches = events.batches.length + alerts.batches.length;
  return [
    {
      what: 'JetStream holds what was acknowledged',
      holds:
        events.events.length === books.events.acknowledged &&
        alerts.events.length === books.alertLane.acknowledged,
      found: `${formatCount(events.events.length)} events and ${formatCount(alerts.events.length)} alerts, in ${formatCount(batches)} batches`,
    },
    {
      what: 'Each of them once, under an id of its own',
      holds: sequences.size === events.events.length && ids.size === batches,
      found: `${formatCount(sequences.size)} sequences, ${formatCount(ids.size)} ids`,
    },
    {
      what: 'Every batch opened and decoded',
      holds: problems.length === 0,
      found: problems.length === 0 ? 'zstd, protobuf' : problems.slice(0, 3).join('; '),
    },
  ];
}

/**
 * Who answered. On a machine that is too busy for the budget a default is what was promised, and it is told; that it
 * was enforced as it was reported is the first claim's business.
 */
export function claimAnswered(events: readonly EcsEvent[]): Claim {
  const levels = new Map<string, number>();
  for (const { picket } of events) {
    const level = picket?.auth?.level;
    if (level !== undefined) levels.set(level, (levels.get(level) ?? 0) + 1);
  }
  const found = [...levels].map(([level, count]) => `${formatCount(count)} ${level.replaceAll('_', ' ')}`);
  return { what: 'Each question was answered, by', holds: levels.size > 0, found: found.join(', ') };
}

function unequalBatches(collector: Collector): readonly string[] {
  return collector.batches
    .filter(({ promised, found }) => promised !== found)
    .map(
      ({ messageId, promised, found }) => `batch ${messageId} promises ${promised} events and holds ${found}`,
    );
}
