// How the shadow set's answers differed, for a person.
import type { Judgement } from '../auth/shadow-difference.ts';
import type { ShadowSummary } from '../shadow/differences.ts';
import { formatCount, formatTable } from './output.ts';

const COLUMNS = [
  { title: 'the rules' },
  { title: 'the shadow set' },
  { title: 'times', align: 'right' },
] as const;

/** The rest of a long list is a number. */
const maxRows = 20;

/** Lines without an end; none where nothing was compared. */
export function shadowLines({
  compared,
  notCompared,
  differences,
  elsewhere,
}: ShadowSummary): readonly string[] {
  const missed = notCompared.busy + notCompared.failed + notCompared.dropped;
  if (compared + missed === 0) return [];
  const shown = differences.slice(0, maxRows);
  const rest = differences.slice(maxRows).reduce((sum, { times }) => sum + times, elsewhere);
  const rows = shown.map(({ enforced, shadow, times }) => [
    textOf(enforced),
    textOf(shadow),
    formatCount(times),
  ]);
  return [
    `The shadow set was compared on ${formatCount(compared)} requests${missed === 0 ? '' : `, and not on ${formatCount(missed)} (busy ${notCompared.busy}, failed ${notCompared.failed}, dropped ${notCompared.dropped})`}.`,
    ...(rows.length === 0
      ? ['It would have answered all of them alike.']
      : formatTable(COLUMNS, rows).split('\n')),
    ...(rest === 0 ? [] : [`and ${formatCount(rest)} differences of other pairs of rules`]),
  ];
}

function textOf({ verdict, rule }: Judgement): string {
  return `${verdict} ${rule ?? '(no rule)'}`;
}
