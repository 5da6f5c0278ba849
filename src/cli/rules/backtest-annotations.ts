// What is new in a backtest as annotations of GitHub Actions, at the rules that it comes from.
import type { BacktestResult } from '../../backtest/result.ts';
import { displayText } from '../../events/text.ts';
import { type Annotation, formatAnnotation } from '../github-annotation.ts';
import { formatCount } from '../output.ts';

export function backtestAnnotations({ rules, verdicts, differences }: BacktestResult): string {
  const lines = rules.flatMap(({ rule, file, line, before, now, newly, gone, top }) => {
    if (newly + gone === 0) return [];
    const [hint] = top;
    const most = hint === undefined ? '' : `; of the new ones ${hint.count} have ${hint.fact}=${hint.value}`;
    const message = `${rule} ${before} → ${now} (+${newly}, −${gone})${newly === 0 ? '' : most}`;
    return [annotation(newly > 0 ? 'warning' : 'notice', message, { file, line })];
  });
  const { events } = verdicts.newlyDenied;
  if (differences !== undefined && events > 0)
    lines.push(
      annotation('warning', `these rules would deny ${formatCount(events)} more of the recorded events`),
    );
  return lines.map((text) => `${text}\n`).join('');
}

function annotation(
  level: Annotation['level'],
  message: string,
  place?: Pick<Annotation, 'file' | 'line'>,
): string {
  return formatAnnotation({ level, ...place, title: 'rules backtest', message: displayText(message) });
}
