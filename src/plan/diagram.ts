// The plan as a drawing (Mermaid): trigger, who answers, rules. Names come from files that others write, so none of
// them can be anything but text in a label.

import { displayText } from '../events/text.ts';
import type { PlanReport } from './report.ts';

/** A drawing with more is one that nobody reads. */
const RULES_SHOWN = 12;

interface Group {
  readonly trigger: string;
  readonly kind: Kind;
  readonly rules: string[];
}

type Kind = keyof typeof KINDS;

const KINDS = {
  bridge: 'the bridge answers',
  agent: 'the agent answers',
  'slow lane': 'the slow lane answers',
  shadow: 'shadow: reported only',
  adds: 'alerts and tags',
  told: 'told after the fact',
  elsewhere: 'not from the bridge',
  nobody: 'no event is asked for',
} as const;

/** One drawing; several plans stand in it side by side. */
export function planDiagram(plans: readonly PlanReport[]): string {
  const drawings = plans.map((plan, number) => drawPlan(plan, `p${number}`));
  const body = drawings.flatMap(({ lines, platform }, number) =>
    drawings.length === 1
      ? lines
      : [`subgraph p${number} [${label(platform)}]`, ...lines.map((line) => `  ${line}`), 'end'],
  );
  const all = [...body, ...drawings.flatMap(({ classes }) => classes), ...CLASS_DEFINITIONS];
  return `${['flowchart LR', ...all.map((line) => `  ${line}`)].join('\n')}\n`;
}

interface Drawing {
  readonly platform: string;
  readonly lines: readonly string[];
  /** They stand behind all nodes. */
  readonly classes: readonly string[];
}

function drawPlan(plan: PlanReport, id: string): Drawing {
  const { platform } = plan;
  const groups = groupsOf(plan);
  const triggers = [...new Set(groups.map(({ trigger }) => trigger))];
  if (groups.length === 0) return { platform, lines: [`${id}t0([${label('no rules')}])`], classes: [] };
  const lines = groups.flatMap(({ trigger, kind, rules }, index) => {
    const shown = rules.slice(0, RULES_SHOWN).map(escaped);
    if (rules.length > RULES_SHOWN) shown.push(`and ${rules.length - RULES_SHOWN} more`);
    return [
      `${id}a${index}{{${label(KINDS[kind])}}}`,
      `${id}r${index}["${shown.join('<br/>')}"]`,
      `${id}t${triggers.indexOf(trigger)} --> ${id}a${index} --> ${id}r${index}`,
    ];
  });
  return {
    platform,
    lines: [...triggers.map((trigger, index) => `${id}t${index}([${label(trigger)}])`), ...lines],
    classes: groups.map(({ kind }, index) => `class ${id}a${index} ${CLASS[kind]}`),
  };
}

const CLASS_DEFINITIONS = [
  'classDef alone fill:#d5f0d5,stroke:#2a7a2a,color:#111',
  'classDef waits fill:#fde7c8,stroke:#b36b00,color:#111',
  'classDef slow fill:#f8d0d0,stroke:#a02020,color:#111',
  'classDef quiet fill:#e8e8e8,stroke:#777,color:#111',
] as const;

const CLASS: Readonly<Record<Kind, string>> = {
  bridge: 'alone',
  agent: 'waits',
  'slow lane': 'slow',
  shadow: 'quiet',
  adds: 'quiet',
  told: 'alone',
  elsewhere: 'quiet',
  nobody: 'quiet',
};

function groupsOf({ subscriptions, answers, otherSources, notSubscribed }: PlanReport): readonly Group[] {
  const groups: Group[] = [];
  const add = (trigger: string, kind: Kind, rules: readonly string[]): void => {
    const found = groups.find((group) => group.trigger === trigger && group.kind === kind);
    if (found === undefined) groups.push({ trigger, kind, rules: [...rules] });
    else found.rules.push(...rules);
  };
  for (const { trigger, rule, by } of answers) add(trigger, by, [rule]);
  for (const { trigger, because, along } of subscriptions) {
    if (!trigger.startsWith('auth.')) add(trigger, 'told', [...because, ...along]);
  }
  for (const { trigger, rules } of otherSources) add(trigger, 'elsewhere', rules);
  for (const { trigger, rules } of notSubscribed) add(trigger, 'nobody', rules);
  return groups;
}

const label = (text: string): string => `"${escaped(text)}"`;

/**
 * Inside quotes Mermaid reads markup, links, Markdown, entities (`#35;`) and icons (`fa:`): whatever is no plain
 * character of a name is written as an entity.
 */
function escaped(text: string): string {
  return displayText(text).replace(/[^\p{L}\p{N} .,_/-]/gu, (character) => `#${character.codePointAt(0)};`);
}
