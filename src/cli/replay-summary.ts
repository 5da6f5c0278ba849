// What a replay held: by trigger, by decision, by rule; and apart from these what would have been decided.
import { WouldTally } from '../backtest/would-tally.ts';
import type { EventBatch } from '../events/event-batch.ts';
import { displayText } from '../events/text.ts';
import { formatCount, formatTable, type Painter, shorten } from './output.ts';

export class ReplaySummary {
  events = 0;
  alerts = 0;
  readonly #triggers = new Map<string, number>();
  readonly #decisions = new Map<string, number>();
  readonly #rules = new Map<string, number>();
  readonly would = new WouldTally();

  add(batch: EventBatch): void {
    for (const { trigger, decision } of batch.events) {
      this.events++;
      count(this.#triggers, trigger);
      if (decision === undefined) continue;
      count(this.#decisions, decision.verdict);
      if (decision.hasAlerts) this.alerts++;
      for (const rule of decision.rules) count(this.#rules, rule);
    }
  }

  format(totals: { readonly malformed: number; readonly elapsedMs: number }, paint: Painter): string {
    const { malformed, elapsedMs } = totals;
    const rate = elapsedMs === 0 ? 0 : Math.round(this.events / (elapsedMs / 1_000));
    const sections = [
      section('trigger', this.#triggers, paint),
      section('decision', this.#decisions, paint),
      section('rule', this.#rules, paint),
      wouldSection(this.would, paint),
      `${formatCount(this.events)} events in ${(elapsedMs / 1_000).toFixed(2)} s, ${formatCount(rate)} events/s; ` +
        `${formatCount(this.alerts)} with alerts, ${formatCount(malformed)} unreadable`,
    ];
    return `${sections.filter((text) => text !== '').join('\n\n')}\n`;
  }
}

function section(title: string, counts: ReadonlyMap<string, number>, paint: Painter): string {
  if (counts.size === 0) return '';
  const rows = [...counts]
    .sort(([nameA, a], [nameB, b]) => b - a || (nameA < nameB ? -1 : 1))
    .map(([name, number]) => [name, formatCount(number)]);
  return formatTable([{ title }, { title: 'events', align: 'right' }], rows, (text) => paint('bold', text));
}

const PROGRAM_MAX = 60;

/** Of rules in shadow mode, and of auth rules on events that were told, not asked. */
function wouldSection(would: WouldTally, paint: Painter): string {
  const rows = would.results.map(({ rule, verdict, events, asIfAsked, programs }) => [
    displayText(rule),
    `would ${verdict}`,
    formatCount(events),
    formatCount(asIfAsked),
    programs
      .map(({ value, count: number }) => `${shorten(displayText(value), PROGRAM_MAX)} ${formatCount(number)}`)
      .join(', '),
  ]);
  if (rows.length === 0) return '';
  const columns = [
    { title: 'not enforced' },
    { title: '' },
    { title: 'events', align: 'right' },
    { title: 'as if asked', align: 'right' },
    { title: 'programs' },
  ] as const;
  return formatTable(columns, rows, (text) => paint('bold', text));
}

function count(counts: Map<string, number>, name: string): void {
  counts.set(name, (counts.get(name) ?? 0) + 1);
}
