// docs/facts.md, made from the table by which rules are checked: every trigger with its facts.
import { exampleOf } from '../../src/events/fact-examples.ts';
import { type FactDefinition, offered, triggersOf } from '../../src/events/fact-table.ts';
import type { Platform, Trigger } from '../../src/events/triggers.ts';

const HEAD = `# Facts, by trigger

What a rule may read, for each trigger. Written by test/rules/documentation.test.ts from the table by which rules are
checked: a fact that is not here does not load. [rules.md](rules.md) explains how a rule reads them, and has the same
facts in one table by name.

- _Always_: every event of the trigger has it. Of the others a single event may lack any one, and a rule should say
  what it means then: every operator but the negative ones is false of a missing fact.
- _Cost_: nothing, where the event carries the fact as it is. _Once_: made of other facts when a rule first asks for
  it. _Environment_: the bridge reads a program's environment only while a rule reads this. _Content_: the whole file
  is read and hashed, on Linux only where a verdict or a report depends on it, and once for as long as nobody writes.
- Under \`es.\` (macOS) stands what ECS has no name for, by the names that eslogger prints; such names are not checked.
  Those under \`auditd.log.\` (Linux) are: \`record_type\`, and the fields of audit records by the names that auditd gives.
`;

/** Triggers that have the same facts share a section. */
interface Section {
  readonly platform: Platform;
  readonly triggers: Trigger[];
  readonly facts: readonly FactDefinition[];
}

export function factsPage(): string {
  const all = sections();
  const contents = (['linux', 'macos'] as const).map((platform) => {
    const links = all
      .filter((section) => section.platform === platform)
      .flatMap((section) => section.triggers.map((trigger) => `[${trigger}](#${anchorOf(section)})`));
    return `**${NAMES[platform]}**: ${links.join(' · ')}\n`;
  });
  return [HEAD, ...contents, ...all.map(sectionText)].join('\n');
}

const NAMES: Readonly<Record<Platform, string>> = { linux: 'Linux', macos: 'macOS' };

function sections(): readonly Section[] {
  const found = new Map<string, Section>();
  for (const platform of ['linux', 'macos'] as const) {
    for (const trigger of triggersOf(platform)) {
      const facts = offered(trigger, platform);
      const key = JSON.stringify([platform, facts.map(({ name, mayBeMissing }) => [name, mayBeMissing])]);
      const section = found.get(key);
      if (section === undefined) found.set(key, { platform, triggers: [trigger], facts });
      else section.triggers.push(trigger);
    }
  }
  return [...found.values()];
}

/** Named after its first trigger; the others are listed below. */
function titleOf({ platform, triggers }: Section): string {
  const more = triggers.length - 1;
  return `${NAMES[platform]}: ${triggers[0]}${more > 0 ? ` and ${more} more` : ''}`;
}

/** As GitHub makes it. */
function anchorOf(section: Section): string {
  return titleOf(section)
    .toLowerCase()
    .replace(/[^\w -]/g, '')
    .replace(/ /g, '-');
}

function sectionText(section: Section): string {
  const { triggers, facts } = section;
  const of = triggers.length === 1 ? '' : `\nOf ${triggers.map((trigger) => `\`${trigger}\``).join(' ')}\n`;
  const own = facts.filter(({ name }) => !RELATIVE.test(name)).sort(byName);
  return [
    `## ${titleOf(section)}`,
    of,
    '| fact | type | always | cost | example | what it is |',
    '| --- | --- | --- | --- | --- | --- |',
    ...own.map((fact) => row(fact)),
    ...relatives(facts),
    '',
  ].join('\n');
}

const RELATIVE = /^process\.(parent|previous)\./;
const byName = (a: FactDefinition, b: FactDefinition): number => (a.name < b.name ? -1 : 1);

function row(fact: FactDefinition): string {
  const { name, type, mayBeMissing, description } = fact;
  const example = exampleOf(name);
  const shown = example === undefined ? '' : `\`${JSON.stringify(example).replaceAll('|', '\\|')}\``;
  return `| \`${name}\` | ${type} | ${mayBeMissing ? '' : 'always'} | ${costOf(fact)} | ${shown} | ${description} |`;
}

/** A parent's facts mean what the process's own do: one row for those that are there alike. */
function relatives(facts: readonly FactDefinition[]): string[] {
  const groups = new Map<string, string[]>();
  for (const { name, mayBeMissing } of [...facts].sort(byName)) {
    const relative = RELATIVE.exec(name)?.[1];
    if (relative === undefined) continue;
    const key = `| \`process.${relative}.…\` | | ${mayBeMissing ? '' : 'always'} | |`;
    groups.set(key, [...(groups.get(key) ?? []), `\`${name.slice(`process.${relative}.`.length)}\``]);
  }
  return [...groups].map(([key, names]) => `${key} | as of \`process\`: ${names.join(' ')} |`);
}

function costOf({ name, slot }: FactDefinition): string {
  if (/(?:^|\.)hash\./.test(name)) return 'content';
  if (name === 'process.env_vars') return 'environment';
  return slot.location.type === 'field' || slot.location.type === 'host' ? '' : 'once';
}
