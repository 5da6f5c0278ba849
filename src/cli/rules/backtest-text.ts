// How the result of a backtest looks to a person.

import type { ProgramCount } from '../../backtest/by-program.ts';
import type { ExceptionHint } from '../../backtest/exception-hints.ts';
import type { BacktestResult, RuleResult } from '../../backtest/result.ts';
import { displayText } from '../../events/text.ts';
import { formatEventLine } from '../event-line.ts';
import { counted, formatCount, formatMicros, formatTable, type Painter, shorten } from '../output.ts';
import { ruleLines } from './plan-changes-text.ts';
import { shortNames } from './plan-section.ts';

const RULES_SHOWN = 50;
const SLOWEST_SHOWN = 5;
const VALUE_MAX = 80;

export function backtestText(result: BacktestResult, paint: Painter): string {
  const sections = [
    changed(result),
    ...firing(result, paint),
    decisions(result),
    shadow(result),
    times(result),
    untried(result),
  ].filter((section) => section.lines.length > 0);
  const blocks = sections.map(({ heading, lines }) =>
    [paint('bold', heading), ...lines.map((line) => `  ${line}`)].join('\n'),
  );
  return `${[paint(['bold', 'cyan'], titleOf(result)), ...blocks].join('\n\n')}\n`;
}

interface Section {
  readonly heading: string;
  readonly lines: readonly string[];
}

function titleOf({ events, triggers, asIfAsked, unreadable }: BacktestResult): string {
  const parts = [`${counted(events, 'event')} of ${counted(triggers.length, 'trigger')}`];
  if (unreadable > 0) parts.push(`${formatCount(unreadable)} unreadable`);
  const asked = asIfAsked.map(({ trigger, events: number }) => `${formatCount(number)} by ${trigger}`);
  if (asked.length > 0) parts.push(`told events judged as if asked about: ${asked.join(', ')}`);
  return parts.join('; ');
}

function changed({ differences }: BacktestResult): Section {
  return {
    heading: 'The rules',
    lines: differences === undefined ? [] : atMost(ruleLines(differences), RULES_SHOWN),
  };
}

function firing(
  { rules, differences, newlyFiring, noLongerFiring }: BacktestResult,
  paint: Painter,
): Section[] {
  const lines = (some: readonly RuleResult[]): string[] =>
    atMost(
      some.map((rule) => ruleText(rule, paint)),
      RULES_SHOWN,
    ).flatMap((text) => text.split('\n'));
  if (differences === undefined) return [{ heading: 'What fires', lines: lines(rules) }];
  const newly = rules.filter((rule) => rule.newly > 0);
  const gone = rules.filter((rule) => rule.newly === 0 && rule.gone > 0);
  const same = rules.filter((rule) => rule.newly === 0 && rule.gone === 0);
  return [
    { heading: `Newly firing (+${formatCount(newlyFiring)})`, lines: lines(newly) },
    { heading: `No longer firing (−${formatCount(noLongerFiring)})`, lines: lines(gone) },
    {
      heading: 'As before',
      lines:
        same.length === 0
          ? []
          : [
              shortNames(
                same.map(({ rule, now }) => `${rule} ${formatCount(now)}`),
                10,
              ),
            ],
    },
  ];
}

/** `lsass-dump 3 → 41 (+38), top: process.name=edr.exe 36`, and its examples below. */
function ruleText(result: RuleResult, paint: Painter): string {
  const { rule, before, now, newly, gone, asIfAsked, top, examples } = result;
  const counts = before === undefined ? formatCount(now) : `${formatCount(before)} → ${formatCount(now)}`;
  const news = [newly > 0 ? `+${formatCount(newly)}` : '', gone > 0 ? `−${formatCount(gone)}` : ''];
  const change = news.filter((part) => part !== '').join(', ');
  const asked = asIfAsked > 0 ? `, ${formatCount(asIfAsked)} as if asked` : '';
  const mode = result.mode === 'shadow' ? ' (shadow)' : '';
  const hints = top.length === 0 ? '' : `, top: ${top.map(hintText).join(', ')}`;
  const head = `${paint('bold', displayText(rule))}${mode} ${counts}${change === '' ? '' : ` (${change})`}${asked}${hints}`;
  return [head, ...examples.map((one) => exampleText(one, paint))].join('\n');
}

function hintText({ fact, value, count, isExact }: ExceptionHint): string {
  const about = isExact ? '' : 'about ';
  return `${fact}=${shorten(displayText(value), VALUE_MAX)} ${about}${formatCount(count)}`;
}

function exampleText(example: RuleResult['examples'][number], paint: Painter): string {
  const sign = example.change === 'gone' ? '−' : example.change === 'newly' ? '+' : ' ';
  // The column for the answer, which is empty here, would be a hole.
  const line = formatEventLine(withoutAnswer(example.is), paint).replace(/ {3,}/, '  ');
  return `  ${sign} ${displayText(example.file)}, event ${formatCount(example.event)}: ${line}`;
}

/** What was answered and said of it when it was recorded is not what this is about. */
function withoutAnswer(event: RuleResult['examples'][number]['is']): RuleResult['examples'][number]['is'] {
  const trigger = event.picket?.trigger;
  return { ...event, picket: trigger === undefined ? {} : { trigger } };
}

function decisions({ verdicts, differences }: BacktestResult): Section {
  const { denied, newlyDenied, noLongerDenied, forwarded, alerts } = verdicts;
  const lines: string[] = [];
  if (differences !== undefined) {
    if (newlyDenied.events > 0)
      lines.push(`would deny ${formatCount(newlyDenied.events)} more${programs(newlyDenied)}`);
    if (noLongerDenied.events > 0)
      lines.push(`would no longer deny ${formatCount(noLongerDenied.events)}${programs(noLongerDenied)}`);
  }
  if (denied.events > 0) lines.push(`denies ${formatCount(denied.events)} in all${programs(denied)}`);
  const amounts = [
    ['forwards', forwarded],
    ['alerts on', alerts],
  ] as const;
  for (const [verb, { before, now }] of amounts) {
    if (before !== undefined && before !== now)
      lines.push(`${verb} ${formatCount(before)} → ${counted(now, 'event')}`);
    else if (now > 0) lines.push(`${verb} ${counted(now, 'event')}`);
  }
  return { heading: 'Decisions', lines };
}

function programs({ asIfAsked, programs: top, isExact }: ProgramCount): string {
  const asked = asIfAsked > 0 ? ` (${formatCount(asIfAsked)} as if asked)` : '';
  const about = isExact ? '' : 'about ';
  const list = top.map(
    ({ value, count }) => `${shorten(displayText(value), VALUE_MAX)} ${about}${formatCount(count)}`,
  );
  return `${asked}: ${list.join(', ')}`;
}

function shadow({ verdicts }: BacktestResult): Section {
  return {
    heading: 'Rules in shadow mode would, if enforced',
    lines: atMost(
      verdicts.shadow.map(
        (one) => `${displayText(one.rule)} ${one.verdict} ${counted(one.events, 'event')}${programs(one)}`,
      ),
      RULES_SHOWN,
    ),
  };
}

function times({ times }: BacktestResult): Section {
  const rows = times
    .slice(0, SLOWEST_SHOWN)
    .map(({ rule, nsPerEvent, trigger, events, isRefereed }) => [
      displayText(rule),
      formatMicros(nsPerEvent / 1_000),
      `on ${trigger}`,
      isRefereed ? 'by json-rules-engine' : '',
      `(${counted(events, 'event')} looked at)`,
    ]);
  const columns = ['', '', '', '', ''].map((title, index) => ({
    title,
    ...(index === 1 ? { align: 'right' as const } : {}),
  }));
  return {
    heading: 'The slowest rules, each alone, an event of its trigger',
    lines: rows.length === 0 ? [] : formatTable(columns, rows).split('\n').slice(1),
  };
}

function untried({ silent, unseen, elsewhere }: BacktestResult): Section {
  const lines: string[] = [];
  if (silent.length > 0) lines.push(`${counted(silent.length, 'rule')} never fired: ${shortNames(silent)}`);
  if (unseen.length > 0) {
    const triggers = [...new Set(unseen.flatMap(({ on }) => on))].sort();
    lines.push(
      `${counted(unseen.length, 'rule')} had nothing to look at: the recording has no event of ${shortNames(triggers)}`,
    );
  }
  if (elsewhere.length > 0)
    lines.push(`${counted(elsewhere.length, 'rule')} are for a platform that the recording has no event of`);
  return { heading: 'Not seen at work', lines };
}

function atMost(lines: readonly string[], shown: number): string[] {
  const more = lines.length - shown;
  return more > 0 ? [...lines.slice(0, shown), `and ${formatCount(more)} more`] : [...lines];
}
