// How a plan looks to a person.
import { displayText } from '../../events/text.ts';
import type { PlanReport } from '../../plan/report.ts';
import { counted, formatBytes, formatCount, type Painter } from '../output.ts';
import { filesystemsSection, targetsSection } from './plan-reach-text.ts';
import { firstOf, type Section, section, shortNames, table } from './plan-section.ts';

/** More are counted; `--json` has them all. */
const REASONS_SHOWN = 6;

/** Each section with its title; what a rule set has nothing of is left out. */
export function planText(plan: PlanReport, paint: Painter): string {
  const sections = [
    subscriptions(plan),
    targetsSection(plan),
    filesystemsSection(plan),
    answers(plan),
    denyReach(plan),
    cacheability(plan),
    budgets(plan),
    index(plan),
    outsideLane(plan),
  ].filter((section) => section !== undefined);
  const size = `a policy of ${formatBytes(plan.policyBytes)}`;
  const tooLarge = plan.isPolicyTaken ? '' : paint('red', ', more than the bridge takes (1 MiB)');
  const title = `${plan.platform}: ${counted(plan.rules, 'rule')}, ${size}`;
  const blocks = sections.map(({ heading, lines }) =>
    [paint('bold', heading), ...lines.map((line) => `  ${line}`)].join('\n'),
  );
  return `${[paint(['bold', 'cyan'], title) + tooLarge, ...blocks].join('\n\n')}\n`;
}

function subscriptions({ subscriptions, notSubscribed, otherSources }: PlanReport): Section | undefined {
  const rows = subscriptions.map(({ trigger, because, along }) => {
    const others = along.length === 0 ? '' : `; seen by ${shortNames(along, 3)}, too`;
    return [trigger, `for ${shortNames(because)}${others}`];
  });
  const secret = subscriptions
    .filter(({ environment }) => environment.length > 0)
    .map(({ trigger, environment }) => {
      const reads = environment.length === 1 ? 'reads' : 'read';
      return `${trigger} comes with the environment, which may hold secrets: ${shortNames(environment)} ${reads} it`;
    });
  const hashed = subscriptions
    .filter(({ hashes }) => hashes.length > 0)
    .map(
      ({ trigger, hashes }) =>
        `${trigger} has files hashed where an answer or a report depends on it: for ${shortNames(hashes)}`,
    );
  const not = notSubscribed.map(
    ({ trigger, rules, reason }) => `not ${trigger} (${shortNames(rules)}): ${reason}`,
  );
  const others = otherSources.map(
    ({ trigger, rules }) =>
      `${trigger} comes from a source of its own, not from the bridge: ${shortNames(rules)}`,
  );
  return section(`What the bridge is asked for (${subscriptions.length})`, [
    ...table(rows),
    ...secret,
    ...hashed,
    ...not,
    ...others,
  ]);
}

const ANSWERERS = {
  bridge: 'the bridge alone',
  agent: 'the agent',
  'slow lane': 'the slow lane',
  shadow: 'shadow, reported only',
  adds: 'no verdict',
} as const;

const ANSWERS_SHOWN = 50;

function answers({ answers }: PlanReport): Section | undefined {
  const shown = answers.slice(0, ANSWERS_SHOWN);
  const rows = table(
    shown.map(({ trigger, rule, type, by, reason }) => [
      trigger,
      type,
      displayText(rule),
      `${ANSWERERS[by]}${reason === undefined ? '' : `: ${reason}`}`,
    ]),
  );
  const lines = shown.flatMap(({ tests }, index) => [
    rows[index] ?? '',
    ...firstOf(
      tests.map((test) => `  if ${cut(test)}`),
      REASONS_SHOWN,
    ),
  ]);
  const more = answers.length - shown.length;
  if (more > 0) lines.push(`and ${formatCount(more)} more`);
  return section('Who answers, in the order in which rules decide', lines);
}

const LINE_MAX = 200;

function cut(text: string): string {
  return text.length > LINE_MAX ? `${text.slice(0, LINE_MAX - 1)}…` : text;
}

function denyReach({ denyReach, answers }: PlanReport): Section | undefined {
  const lines = denyReach.flatMap(({ trigger, isEverything, parts }) => {
    if (isEverything) return [`${trigger}: everything, for a deny rule there needs no path to hold`];
    if (parts.length === 0) return [`${trigger}: nothing`];
    const told = new Set(answers.filter((one) => one.trigger === trigger).flatMap(({ tests }) => tests));
    const same = [...new Set(parts.filter(({ tests }) => told.has(tests)).map(({ rule }) => rule))];
    const others = parts.filter(({ tests }) => !told.has(tests));
    return [
      ...(same.length === 0 ? [] : [`${trigger}: what the bridge denies alone by ${shortNames(same)}`]),
      ...firstOf(
        others.map(({ rule, tests }) => `${trigger}: ${displayText(rule)}: ${cut(tests)}`),
        REASONS_SHOWN,
      ),
    ];
  });
  return section('Deny reach (what a user, other than root, is denied who floods the guard)', lines);
}

function cacheability({ cacheability }: PlanReport): Section | undefined {
  const lines = cacheability.flatMap(({ trigger, level, because }) => {
    if (because.length === 0) return [`${trigger}: an allow may stay in the ${level}'s cache`];
    return [
      `${trigger}: no, every event is asked about`,
      ...firstOf(
        because.map(({ rule, fact, reason }) => `  ${displayText(rule)} reads ${fact}: ${reason}`),
        REASONS_SHOWN,
      ),
    ];
  });
  return section('May the kernel remember an answer?', lines);
}

function budgets({ budgets }: PlanReport): Section | undefined {
  const rows = budgets.map(({ action, maxWaitMs, default: verdict, isDeniable }) => [
    action,
    `waits ${formatCount(maxWaitMs)} ms at most`,
    `then ${verdict}${isDeniable ? '' : ' (no enforced rule denies)'}`,
  ]);
  return section('Budgets', table(rows));
}

const KEYS_SHOWN = 4;

function firstKeys(keys: readonly string[]): readonly string[] {
  const more = keys.length - KEYS_SHOWN;
  return more > 1 ? [...keys.slice(0, KEYS_SHOWN), `others by ${more} further kinds of key`] : keys;
}

function index({ index }: PlanReport): Section | undefined {
  const lines = index.flatMap(({ trigger, rules, keys, residue, refereed }) => {
    const found = keys.map(({ kind, fact, ignoresCase, isList, rules: count, values }) => {
      const how = `${ignoresCase ? ', in any case' : ''}${isList ? ', in a list' : ''}`;
      return `${formatCount(count)} by ${kind} of ${fact}${how} (${counted(values, 'value')})`;
    });
    const tried = residue.length === 0 ? [] : [`${formatCount(residue.length)} tried on every event`];
    const left = refereed.length === 0 ? [] : [`${formatCount(refereed.length)} by json-rules-engine`];
    return [
      `${trigger}: ${counted(rules, 'rule')}: ${[...firstKeys(found), ...tried, ...left].join(', ')}`,
      ...firstOf(
        [...residue, ...refereed].map(({ rule, reason }) => `  ${displayText(rule)}: ${reason}`),
        REASONS_SHOWN,
      ),
    ];
  });
  return section('How candidates are found', lines);
}

function outsideLane({ outsideLane }: PlanReport): Section | undefined {
  const places = {
    'slow lane': 'slow lane, while the system call waits',
    afterwards: 'afterwards, for no verdict depends on it',
    'event lane': 'event lane, where nobody waits',
  } as const;
  const lines = outsideLane.map(({ rule, trigger, when, where, reason }) => {
    const which = when === 'long texts' ? ' (only events with such a text)' : '';
    return `${displayText(rule)} on ${trigger}: ${places[where]}${which}: ${reason}`;
  });
  return section('Outside the auth lane', firstOf(lines, ANSWERS_SHOWN));
}
