// What became of authorization requests, for a person: a table, and below it what does not fit into one.
import type { AuthOutcomes } from '../observe/auth-outcomes.ts';
import { formatCount, formatTable } from './output.ts';

const COLUMNS = [
  { title: 'action' },
  { title: 'answered by' },
  { title: 'allowed', align: 'right' },
  { title: 'denied', align: 'right' },
] as const;

/** Lines without an end; none where nothing was asked. */
export function authOutcomeLines(outcomes: AuthOutcomes): readonly string[] {
  const { actions, lateVerdicts, unheardAnswers, breakerOpened, isBreakerOpen, hashes } = outcomes;
  if (actions.length === 0) return [];
  const notes = [
    ...actions.map(
      ({ action, requests, unanswered }) =>
        `${action}: ${formatCount(requests)} asked, ${unanswered === 0 ? 'each answered once' : `${formatCount(unanswered)} not answered yet`}`,
    ),
    ...(lateVerdicts > 0
      ? [`${formatCount(lateVerdicts)} verdicts of the agent came after another answer and were not applied`]
      : []),
    ...(unheardAnswers > 0
      ? [`${formatCount(unheardAnswers)} answers came when whoever had waited was gone`]
      : []),
    ...hashNotes(hashes),
    ...(breakerOpened > 0
      ? [
          `the agent was found stalled ${breakerOpened === 1 ? 'once' : `${formatCount(breakerOpened)} times`}${isBreakerOpen ? ', and is: defaults are given at once' : ''}`,
        ]
      : []),
  ];
  return [...formatTable(COLUMNS, actions.flatMap(rowsOf)).split('\n'), ...notes];
}

function hashNotes({ computed, remembered, unstable, absent, late }: AuthOutcomes['hashes']): string[] {
  if (computed + remembered + absent + late === 0) return [];
  const parts = [
    `${formatCount(computed)} computed${unstable > 0 ? ` (${formatCount(unstable)} of files open for writing)` : ''}`,
    `${formatCount(remembered)} known at once`,
    ...(absent > 0 ? [`${formatCount(absent)} not to be had`] : []),
    ...(late > 0 ? [`${formatCount(late)} too late`] : []),
  ];
  return [`hashes: ${parts.join(', ')}`];
}

function rowsOf({ action, answers }: AuthOutcomes['actions'][number]): string[][] {
  const counts = new Map<string, { allow: number; deny: number }>();
  for (const { by, verdict, count } of answers) {
    const row = counts.get(by) ?? { allow: 0, deny: 0 };
    row[verdict === 'deny' ? 'deny' : 'allow'] += count;
    counts.set(by, row);
  }
  return [...counts].map(([by, { allow, deny }]) => [action, by, formatCount(allow), formatCount(deny)]);
}
