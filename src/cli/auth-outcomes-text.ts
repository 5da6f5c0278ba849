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
  const { actions, lateVerdicts, unheardAnswers, breakerOpened, isBreakerOpen } = outcomes;
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
    ...(breakerOpened > 0
      ? [
          `the agent was found stalled ${breakerOpened === 1 ? 'once' : `${formatCount(breakerOpened)} times`}${isBreakerOpen ? ', and is: defaults are given at once' : ''}`,
        ]
      : []),
  ];
  return [...formatTable(COLUMNS, actions.flatMap(rowsOf)).split('\n'), ...notes];
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
