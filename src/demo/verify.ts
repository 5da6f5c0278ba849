// What must be true at the end of the demo. Each claim is checked against another witness: the kernel's errno against
// the event that came back, the agent's books against a count of the stream.
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
      found: `${received} received = ${forwarded} forwarded + ${filtered} filtered + ${deduplicated + shed} else`,
    },
    {
      what: 'Everything forwarded was acknowledged',
      holds: events.acknowledged === forwarded && books.alertLane.acknowledged === books.alerts,
      found: `${events.acknowledged} of ${forwarded} events, ${books.alertLane.acknowledged} of ${books.alerts} alerts`,
    },
    {
      what: 'Nothing was lost on the way to the agent',
      holds: books.lostUpstream === 0,
      found: `${books.lostUpstream} lost`,
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
      found: `${events.events.length} events and ${alerts.events.length} alerts, in ${batches} batches`,
    },
    {
      what: 'Each of them once, under an id of its own',
      holds: sequences.size === events.events.length && ids.size === batches,
      found: `${sequences.size} sequences, ${ids.size} ids`,
    },
    {
      what: 'Every batch opened and decoded',
      holds: problems.length === 0,
      found: problems.length === 0 ? 'zstd, protobuf' : problems.slice(0, 3).join('; '),
    },
  ];
}

/** Who answered in the end: anything but a decision means that the demo's verdicts are not what they claim to be. */
export function claimDecided(events: readonly EcsEvent[]): Claim {
  const defaults = events.filter(({ picket }) => {
    const level = picket?.auth?.level;
    return level !== undefined && (level.startsWith('default') || level === 'overload');
  });
  return {
    what: 'No answer was a default',
    holds: defaults.length === 0,
    found: `${defaults.length} of ${events.filter(({ picket }) => picket?.auth !== undefined).length} answers`,
  };
}

function unequalBatches(collector: Collector): readonly string[] {
  return collector.batches
    .filter(({ promised, found }) => promised !== found)
    .map(
      ({ messageId, promised, found }) => `batch ${messageId} promises ${promised} events and holds ${found}`,
    );
}
