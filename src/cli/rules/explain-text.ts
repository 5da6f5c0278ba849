// An explained event for a person: the decision, the rules that matched or nearly did, and of a rule that was asked
// about the conditions as a tree, each beside what the event has.
import { displayText } from '../../events/text.ts';
import type { ConditionView, LeafView } from '../../rules/condition-view.ts';
import { textOfTest } from '../../rules/explain.ts';
import type { EventExplanation, ExplainedRule } from '../../rules/explain-event.ts';
import { formatPlace } from '../../rules/rule-problem.ts';
import type { RuleDefinition } from '../../rules/schema.ts';
import { type Painter, padTo, widthOf } from '../output.ts';

/** @param recorded what was answered when it was recorded, where it says so */
export function describeEvent(
  title: string,
  recorded: string | undefined,
  explanation: EventExplanation,
  wanted: ReadonlySet<RuleDefinition>,
  paint: Painter,
): string {
  const { rules } = explanation;
  const chosen = rules.filter(({ rule }) => wanted.has(rule));
  const lines = [paint('bold', displayText(title)), ...decisionLines(explanation, paint)];
  if (recorded !== undefined) lines.push(`  ${displayText(recorded)}`);
  for (const one of chosen) lines.push('', ...ruleLines(one, paint));
  if (wanted.size === 0) lines.push(...matchedLines(rules, paint), ...nearLines(rules, paint));
  if (explanation.live.length > 0) {
    lines.push('', paint('bold', 'on a live system'));
    for (const { text, answersInstead } of explanation.live) {
      lines.push(answersInstead ? paint('yellow', `  ! ${displayText(text)}`) : `  - ${displayText(text)}`);
    }
  }
  return `${lines.join('\n')}\n`;
}

function decisionLines({ decision, reason, rules }: EventExplanation, paint: Painter): string[] {
  const verdict = decision.verdict === 'none' ? 'no verdict' : decision.verdict;
  const colour =
    verdict === 'deny' || verdict === 'drop' ? 'red' : verdict === 'no verdict' ? 'dim' : 'green';
  const lines = [`decision: ${paint(['bold', colour], verdict)}, ${displayText(reason)}`];
  for (const { rule, verdict: would } of decision.shadow) {
    lines.push(paint('yellow', `  in shadow mode ${rule} would ${would}: it is reported, never enforced`));
  }
  if (rules.some(({ isMatch, isInDoubt }) => isMatch && isInDoubt)) {
    lines.push(
      paint('yellow', '  a path is unresolved: a deny on it holds if it could, an allow only if it must'),
    );
  }
  return lines;
}

function matchedLines(rules: readonly ExplainedRule[], paint: Painter): string[] {
  const matched = rules.filter(({ isMatch }) => isMatch);
  const excepted = rules.filter(({ exceptedBy }) => exceptedBy.length > 0);
  const lines = ['', paint('bold', `matched: ${matched.length === 0 ? 'no rule' : ''}`.trimEnd())];
  for (const { rule } of matched) lines.push(`  ${paint('green', '✓')} ${nameAndType(rule)}`);
  for (const one of excepted) lines.push(...exceptionLines(one, paint));
  return lines;
}

const NEAR_SHOWN = 10;

function nearLines(rules: readonly ExplainedRule[], paint: Painter): string[] {
  const near = rules.filter(({ kept }) => kept?.isNear === true);
  if (near.length === 0) return [];
  const lines = ['', paint('bold', 'one condition away')];
  for (const { rule, kept } of near.slice(0, NEAR_SHOWN)) {
    lines.push(`  ${paint('red', '✗')} ${nameAndType(rule)}`);
    for (const test of kept?.tests ?? []) lines.push(`      ${keptLine(test)}`);
  }
  const more = near.length - NEAR_SHOWN;
  if (more > 0) lines.push(`  and ${more} more`);
  return lines;
}

function nameAndType({ name, event, mode, priority }: RuleDefinition): string {
  return `${name} (${event.type}${mode === 'shadow' ? ', shadow' : ''}, priority ${priority})`;
}

function ruleLines(explained: ExplainedRule, paint: Painter): string[] {
  const { rule, isMatch, notAsked, conditions, exceptedBy, kept, facts, isInDoubt } = explained;
  const outcome =
    notAsked !== undefined
      ? paint('yellow', 'is not asked')
      : isMatch
        ? paint(['bold', 'green'], 'matches')
        : exceptedBy.length > 0
          ? paint(['bold', 'yellow'], 'is excepted')
          : paint(['bold', 'red'], 'does not match');
  const lines = [`${paint('bold', nameAndType(rule))} ${outcome}  ${paint('dim', formatPlace(rule.place))}`];
  if (notAsked !== undefined) lines.push(`  ${displayText(notAsked)}`);
  lines.push(...treeLines(conditions, paint));
  lines.push(...exceptionLines(explained, paint));
  if (kept !== undefined) lines.push(...keptLines(kept, paint));
  if (isInDoubt) lines.push('  in doubt: the path is unresolved, so the condition counts as what is safe');
  for (const { text } of facts) lines.push(paint('yellow', `  ${displayText(text)}`));
  return lines;
}

function exceptionLines({ rule, exceptedBy }: ExplainedRule, paint: Painter): string[] {
  return exceptedBy.flatMap(({ name, reason, view }) => [
    paint('yellow', `  ${rule.name} is excepted by ${displayText(`${name} (${reason})`)}`),
    ...treeLines(view, paint, 2),
  ]);
}

function keptLines({ tests, isProven }: NonNullable<ExplainedRule['kept']>, paint: Painter): string[] {
  if (tests === undefined) return ['  no outcome of its conditions makes it match'];
  const number = `${tests.length} ${tests.length === 1 ? 'condition' : 'conditions'}`;
  const words = isProven
    ? `kept from matching by ${number}`
    : `kept from matching by ${number}, perhaps fewer`;
  return [paint('bold', `  ${words}`), ...tests.map((test) => `    ${keptLine(test)}`)];
}

function keptLine(test: LeafView & { readonly isTrue: boolean }): string {
  const wanted = test.isTrue ? ' must not hold' : '';
  return displayText(`${textOfTest(test)}${wanted}: ${whatEventHas(test.actual)}`);
}

interface TreeLine {
  readonly text: string;
  readonly actual: string;
  readonly isDecisive: boolean;
}

const EXPECTED_MAX = 76;

function treeLines(root: ConditionView, paint: Painter, depth = 1): string[] {
  const lines: TreeLine[] = [];
  collect(root, depth, lines, paint);
  const width = Math.min(
    EXPECTED_MAX,
    Math.max(...lines.map(({ text, actual }) => (actual === '' ? 0 : widthOf(text)))),
  );
  return lines.map(({ text, actual, isDecisive }) => {
    const beside = actual === '' ? text : `${padTo(text, width)}  ${actual}`;
    return isDecisive && actual !== '' ? `${beside}  ${paint(['bold', 'cyan'], '← decides')}` : beside;
  });
}

function collect(node: ConditionView, depth: number, lines: TreeLine[], paint: Painter): void {
  const mark = node.isTrue ? paint('green', '✓') : paint('red', '✗');
  const indent = '  '.repeat(depth);
  const emphasise = (text: string): string => (node.isDecisive ? paint('bold', text) : paint('dim', text));
  if (node.test !== undefined) {
    const doubt = node.test.isInDoubt ? ' (in doubt)' : '';
    lines.push({
      text: `${indent}${mark} ${emphasise(displayText(textOfTest(node.test)))}`,
      actual: displayText(`${node.test.actual}${doubt}`),
      isDecisive: node.isDecisive,
    });
    return;
  }
  const label = node.kind === 'condition' ? `condition ${node.name}` : node.kind;
  lines.push({ text: `${indent}${mark} ${emphasise(displayText(label))}`, actual: '', isDecisive: false });
  for (const part of node.parts ?? []) collect(part, depth + 1, lines, paint);
}

/** One of many events, on a line of its own. */
export function describeBriefly(
  title: string,
  { decision, rules }: EventExplanation,
  wanted: ReadonlySet<RuleDefinition>,
  paint: Painter,
): string {
  const parts: string[] = [];
  if (wanted.size === 0) {
    const { verdict, rule, alerts } = decision;
    parts.push(verdict === 'none' ? paint('dim', 'no verdict') : `${verdict} by ${rule?.name}`);
    if (alerts.length > 0) parts.push(paint('red', `alert ${alerts.map((alert) => alert.rule).join(', ')}`));
    const near = rules.filter(({ kept }) => kept?.isNear === true).map(({ rule: one }) => one.name);
    if (near.length > 0)
      parts.push(
        paint('dim', `one condition away: ${near.slice(0, 3).join(', ')}${near.length > 3 ? ', …' : ''}`),
      );
  } else {
    for (const one of rules) {
      if (wanted.has(one.rule) && one.notAsked === undefined) parts.push(brieflyOf(one, paint));
    }
  }
  return `${displayText(title)}: ${parts.join('; ')}\n`;
}

function brieflyOf({ rule, isMatch, exceptedBy, kept }: ExplainedRule, paint: Painter): string {
  if (isMatch) return paint('green', `${rule.name} matches`);
  const [exception] = exceptedBy;
  if (exception !== undefined)
    return paint('yellow', `${rule.name} is excepted by ${displayText(exception.name)}`);
  const tests = kept?.tests;
  if (tests === undefined) return `${rule.name} can't match`;
  const [only] = tests;
  const away =
    tests.length === 1 && only !== undefined
      ? displayText(`${textOfTest(only)}, has ${only.actual}`)
      : `${tests.length} conditions`;
  return `${rule.name} is kept from it by ${away}`;
}

/** Of a value as an explanation gives it: texts in quotes, so that a missing one can't be mistaken. */
export function whatEventHas(value: string): string {
  return value === 'missing' ? 'the event lacks it' : `the event has ${value}`;
}
