// The tables of triggers and facts in docs/rules.md, made from the tables by which rules are checked.
import { offered, triggersOf } from '../../src/events/fact-table.ts';
import type { Platform, Trigger } from '../../src/events/triggers.ts';

/** Puts both tables between their markers. */
export function withReference(page: string): string {
  return between(between(page, 'triggers', triggersTable()), 'facts', factsTable());
}

function between(page: string, marker: string, text: string): string {
  const pattern = new RegExp(`(<!-- ${marker}: [^>]*-->\\n)[\\s\\S]*?(<!-- /${marker} -->)`);
  if (!pattern.test(page)) throw new Error(`the page has no markers for ${marker}`);
  return page.replace(pattern, (_, begin: string, end: string) => `${begin}${text}${end}`);
}

function triggersTable(): string {
  const rows = (['linux', 'macos'] as const).flatMap((platform) =>
    (['auth', 'notify'] as const).map((kind) => {
      const actions = systemTriggers(platform)
        .filter((trigger) => trigger.startsWith(`${kind}.`))
        .map((trigger) => `\`${trigger.slice(kind.length + 1)}\``);
      return `| ${NAMES[platform]} | \`${kind}.\` | ${actions.sort().join(' ')} |`;
    }),
  );
  return `\n| platform | | actions |\n| --- | --- | --- |\n${rows.join('\n')}\n\n`;
}

const NAMES: Readonly<Record<Platform, string>> = { linux: 'Linux', macos: 'macOS' };

function factsTable(): string {
  const facts = new Map<string, { type: string; description: string; linux: string; macos: string }>();
  const places = { linux: placesOf('linux'), macos: placesOf('macos') };
  for (const platform of ['linux', 'macos'] as const) {
    for (const trigger of triggersOf(platform)) {
      for (const { name, type, description } of offered(trigger, platform)) {
        if (facts.has(name)) continue;
        const linux = describe(places.linux, name, 'linux');
        facts.set(name, { type, description, linux, macos: describe(places.macos, name, 'macos') });
      }
    }
  }
  const rows: string[] = [];
  const relatives = new Map<string, string[]>();
  for (const [name, fact] of facts) {
    const relative = /^process\.(parent|previous)\.(.+)$/.exec(name);
    if (relative === null) {
      rows.push(`| \`${name}\` | ${fact.type} | ${fact.linux} | ${fact.macos} | ${fact.description} |`);
      continue;
    }
    // A parent's facts mean what the process's own do: one row for all that are offered alike.
    const key = `\`process.${relative[1]}.…\` | | ${fact.linux} | ${fact.macos}`;
    relatives.set(key, [...(relatives.get(key) ?? []), `\`${relative[2]}\``]);
  }
  for (const [key, names] of relatives) rows.push(`| ${key} | as of \`process\`: ${names.join(' ')} |`);
  return `\n| fact | type | Linux | macOS | what it is |\n| --- | --- | --- | --- | --- |\n${rows.sort().join('\n')}\n\n`;
}

function placesOf(platform: Platform): ReadonlyMap<string, ReadonlySet<Trigger>> {
  const places = new Map<string, Set<Trigger>>();
  for (const trigger of triggersOf(platform)) {
    for (const { name } of offered(trigger, platform)) {
      const triggers = places.get(name) ?? new Set();
      places.set(name, triggers.add(trigger));
    }
  }
  return places;
}

const LIST_MAX = 4;

function describe(
  places: ReadonlyMap<string, ReadonlySet<Trigger>>,
  name: string,
  platform: Platform,
): string {
  const mine = places.get(name) ?? new Set<Trigger>();
  const all = triggersOf(platform);
  const missing = all.filter((trigger) => !mine.has(trigger));
  if (missing.length === 0) return 'all';
  if (missing.every((trigger) => trigger.startsWith('auth.'))) return 'all but `auth.`';
  if (missing.length <= 2) return `all but ${code(missing)}`;
  const system = systemTriggers(platform).filter((trigger) => mine.has(trigger));
  const others = code(all.filter((trigger) => mine.has(trigger) && !system.includes(trigger)));
  return [describeSystem(system, places, platform), others].filter((text) => text !== '').join(' ');
}

function describeSystem(
  mine: readonly Trigger[],
  places: ReadonlyMap<string, ReadonlySet<Trigger>>,
  platform: Platform,
): string {
  const missing = systemTriggers(platform).filter((trigger) => !mine.includes(trigger));
  const ofFiles = places.get('file.path') ?? new Set();
  if (missing.length === 0) return 'auth and notify';
  if (mine.length === ofFiles.size && mine.every((trigger) => ofFiles.has(trigger))) return 'file events';
  if (mine.length <= LIST_MAX) return code(mine);
  const actions = new Set(mine.map((trigger) => trigger.slice(trigger.indexOf('.') + 1)));
  return code([...actions]);
}

const code = (names: readonly string[]): string => names.map((name) => `\`${name}\``).join(' ');

function systemTriggers(platform: Platform): Trigger[] {
  return triggersOf(platform).filter((trigger) => /^(?:auth|notify)\./.test(trigger));
}
