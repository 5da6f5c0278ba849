// The books: in which state each event is. Every term is counted where an event passes its border, none as a
// difference, so that an equation that does not hold shows a fault and not a definition.
import type { Loss } from '../events/event-batch.ts';

/** The books of one lane of delivery, in events. */
export class LaneBooks {
  /** Came to the lane. */
  entered = 0;
  /** In a batch that is being filled, or in the queue of batches. */
  waiting = 0;
  inFlight = 0;
  acknowledged = 0;
  /** Given up because the lane's queue was full. */
  shed = 0;
  /** Stored already by an agent before this one, which was killed before it could say so. */
  storedBefore = 0;
  /** One event larger than any message the server takes. */
  deadLettered = 0;
}

export class Ledger {
  /** Events taken from the source, each once. */
  received = 0;
  /** Copies with the number of suppressed repeats, made by dedupe when a window closes. */
  summaries = 0;
  /** In a batch that is judged or waits for that: rules that need the referee take their time. */
  deciding = 0;
  filtered = 0;
  deduplicated = 0;
  /** In the priority queue. */
  queued = 0;
  shed = 0;
  forwarded = 0;
  readonly events = new LaneBooks();

  /** Copies: an event that raised an alert travels in the alert lane besides. */
  alerts = 0;
  readonly alertLane = new LaneBooks();

  /** Sent again by the bridge after a new connection, and passed over. */
  repeated = 0;
  authAudits = 0;
  malformed = 0;
  /** Records of loss by the bridge or the kernel, and the events that they speak of as far as that is known. */
  lossRecords = 0;
  lostUpstream = 0;
  /** Answers of the server that named a batch a duplicate: sent twice, stored once. */
  duplicateAcknowledgements = 0;

  lost(loss: Loss): void {
    this.lossRecords++;
    this.lostUpstream += loss.count;
  }

  /** The equations that do not hold; empty when the books balance. */
  check(): string[] {
    const { events, alertLane } = this;
    return [
      equation('received + summaries', this.received + this.summaries, {
        deciding: this.deciding,
        filtered: this.filtered,
        deduplicated: this.deduplicated,
        queued: this.queued,
        shed: this.shed,
        forwarded: this.forwarded,
      }),
      equation('forwarded', this.forwarded, laneTerms(events)),
      equation('forwarded', this.forwarded, { entered: events.entered }),
      equation('alerts', this.alerts, laneTerms(alertLane)),
    ].filter((fault) => fault !== undefined);
  }

  /** What is not at an end yet: after a drain, what could not be delivered. */
  unfinished(): number {
    const { events, alertLane } = this;
    return (
      this.deciding + this.queued + events.waiting + events.inFlight + alertLane.waiting + alertLane.inFlight
    );
  }

  /** Every line with its number, as it is printed and logged. */
  lines(): readonly (readonly [name: string, count: number])[] {
    return [
      ['received', this.received],
      ['+ summaries of repeats', this.summaries],
      ['= deciding', this.deciding],
      ['+ filtered', this.filtered],
      ['+ deduplicated', this.deduplicated],
      ['+ queued', this.queued],
      ['+ shed', this.shed],
      ['+ forwarded', this.forwarded],
      ...laneLines(this.events),
      ['alerts (copies)', this.alerts],
      ...laneLines(this.alertLane),
      ['auth audits among received', this.authAudits],
      ['sent again, passed over', this.repeated],
      ['malformed', this.malformed],
      ['records of loss upstream', this.lossRecords],
      ['events lost upstream, as far as counted', this.lostUpstream],
      ['batches acknowledged as duplicates', this.duplicateAcknowledgements],
    ];
  }

  toString(): string {
    const lines = this.lines();
    const nameWidth = Math.max(...lines.map(([name]) => name.length));
    const countWidth = Math.max(...lines.map(([, count]) => String(count).length));
    const table = lines.map(
      ([name, count]) => `  ${name.padEnd(nameWidth)}  ${String(count).padStart(countWidth)}`,
    );
    const faults = this.check();
    const verdict =
      faults.length === 0 ? 'The books balance.' : `The books do NOT balance: ${faults.join('; ')}`;
    return [...table, verdict].join('\n');
  }
}

function laneTerms(lane: LaneBooks): Record<string, number> {
  return {
    waiting: lane.waiting,
    'in flight': lane.inFlight,
    acknowledged: lane.acknowledged,
    shed: lane.shed,
    'stored by an agent before': lane.storedBefore,
    'dead-lettered': lane.deadLettered,
  };
}

function laneLines(lane: LaneBooks): readonly (readonly [string, number])[] {
  return Object.entries(laneTerms(lane)).map(([name, count], index) => [
    `    ${index === 0 ? '=' : '+'} ${name}`,
    count,
  ]);
}

function equation(name: string, left: number, terms: Readonly<Record<string, number>>): string | undefined {
  const right = Object.values(terms).reduce((sum, count) => sum + count, 0);
  if (left === right) return undefined;
  const sum = Object.entries(terms).map(([term, count]) => `${count} ${term}`);
  return `${left} ${name}, but ${sum.join(' + ')} = ${right}`;
}
