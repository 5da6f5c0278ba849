// How the difference of two plans looks to a person: what comes (+), what goes (−), what becomes of the rest (~).
import { displayText } from '../../events/text.ts';
import { isSamePlan, type PlanChanges } from '../../plan/changes.ts';
import type { RuleDifferences } from '../../plan/rule-differences.ts';
import type { Painter } from '../output.ts';

export function planChangesText(platform: string, changes: PlanChanges, paint: Painter): string {
  const title = paint(['bold', 'cyan'], `${platform}: what the change means`);
  if (isSamePlan(changes)) return `${title}\n\n  nothing: rules and plan are the same\n`;
  const lines = [...ruleLines(changes.rules), ...planLines(changes)];
  return `${title}\n\n${lines.map((line) => `  ${paintLine(line, paint)}`).join('\n')}\n`;
}

export function ruleLines({ came, went, renamed, changed }: RuleDifferences): string[] {
  return [
    ...came.map((name) => `+ rule ${displayText(name)}`),
    ...went.map((name) => `− rule ${displayText(name)}`),
    ...renamed.map(({ from, to }) => `~ rule ${displayText(from)} is now called ${displayText(to)}`),
    ...changed.map(({ rule, what }) => `~ rule ${displayText(rule)}: ${what.map(displayText).join('; ')}`),
  ];
}

function planLines(changes: PlanChanges): string[] {
  const { subscriptions, environment, answers, staticVerdicts, caching } = changes;
  const { selection, selectedPaths, filesystems } = changes;
  const because = (reason: string | undefined): string =>
    reason === undefined ? '' : `: ${displayText(reason)}`;
  return [
    ...subscriptions.came.map((trigger) => `+ subscription to ${trigger}`),
    ...subscriptions.went.map((trigger) => `− subscription to ${trigger}`),
    ...environment.came.map((trigger) => `+ ${trigger} comes with the environment, which may hold secrets`),
    ...environment.went.map((trigger) => `− ${trigger} no longer comes with the environment`),
    ...answers.map(({ trigger, rule, from, to, reason }) => {
      const what = `${trigger} of ${displayText(rule)}`;
      if (from === undefined) return `+ ${what} is answered by: ${to}${because(reason)}`;
      if (to === undefined) return `− ${what} was answered by: ${from}`;
      return `~ ${what} moves from ${from} to ${to}${because(reason)}`;
    }),
    ...staticVerdicts.came.map((verdict) => `+ the bridge alone: ${displayText(verdict)}`),
    ...staticVerdicts.went.map((verdict) => `− the bridge alone: ${displayText(verdict)}`),
    ...caching.flatMap(({ trigger, from, to, because: reasons }) => [
      `~ ${trigger} was cached in: ${from}, and is now in: ${to}`,
      ...reasons.map((reason) => `    ${displayText(reason)}`),
    ]),
    ...selection.map(({ trigger, isWhole, rules }) =>
      isWhole
        ? `~ ${trigger} comes of every path now, for ${rules.map(displayText).join(', ')}`
        : `~ ${trigger} comes of selected paths only now`,
    ),
    ...selectedPaths.came.map((path) => `+ target path: ${displayText(path)}`),
    ...selectedPaths.went.map((path) => `− target path: ${displayText(path)}`),
    ...filesystems.came.map((point) => `+ marked filesystem in reach of a rule: ${displayText(point)}`),
    ...filesystems.went.map((point) => `− marked filesystem in reach of a rule: ${displayText(point)}`),
    ...changes.index.map(
      ({ trigger, rule, from, to, reason }) =>
        `~ ${displayText(rule)} on ${trigger} was found by ${from}, and is now by ${to}${because(reason)}`,
    ),
    ...changes.outsideLane.came.map((rule) => `+ outside the auth lane: ${displayText(rule)}`),
    ...changes.outsideLane.went.map((rule) => `− outside the auth lane: ${displayText(rule)}`),
    ...changes.denyReach.map(({ trigger, isEverything }) =>
      isEverything
        ? `~ ${trigger} under overload: everything is denied now, for a deny rule names no path`
        : `~ ${trigger} under overload: only what deny rules reach is denied now`,
    ),
  ];
}

function paintLine(line: string, paint: Painter): string {
  if (line.startsWith('+')) return paint('green', line);
  if (line.startsWith('−')) return paint('red', line);
  return line.startsWith('~') ? paint('yellow', line) : line;
}
