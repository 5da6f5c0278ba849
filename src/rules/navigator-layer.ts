// A rule set as a layer of the ATT&CK Navigator, in version 4.5 of its file format: which techniques rules look for,
// and how many rules. https://github.com/mitre-attack/attack-navigator/blob/master/layers/LAYERFORMATv4_5.md

import type { Platform } from '../events/triggers.ts';
import type { RuleDefinition } from './schema.ts';

interface Metadata {
  readonly name: string;
  readonly value: string;
}

interface Technique {
  readonly techniqueID: string;
  readonly tactic?: string;
  readonly score: number;
  readonly comment: string;
  readonly enabled: true;
  readonly metadata: readonly Metadata[];
  readonly showSubtechniques: boolean;
}

export interface NavigatorLayer {
  readonly name: string;
  readonly versions: { readonly navigator: string; readonly layer: '4.5' };
  readonly domain: 'enterprise-attack';
  readonly description: string;
  readonly filters: { readonly platforms: readonly string[] };
  readonly sorting: 3;
  readonly layout: object;
  readonly hideDisabled: boolean;
  readonly techniques: readonly Technique[];
  readonly gradient: {
    readonly colors: readonly string[];
    readonly minValue: number;
    readonly maxValue: number;
  };
  readonly legendItems: readonly { readonly label: string; readonly color: string }[];
  readonly metadata: readonly Metadata[];
}

const TECHNIQUE = /^attack\.(t\d{4}(?:\.\d{3})?)$/i;
const PLATFORM_NAMES: Readonly<Record<Platform, string>> = { linux: 'Linux', macos: 'macOS' };

/** ATT&CK's tactics by the names that tags give them; Sigma writes `_`, newer packs `-`. */
const TACTICS: ReadonlySet<string> = new Set([
  'reconnaissance',
  'resource-development',
  'initial-access',
  'execution',
  'persistence',
  'privilege-escalation',
  'defense-evasion',
  'stealth',
  'defense-impairment',
  'credential-access',
  'discovery',
  'lateral-movement',
  'collection',
  'command-and-control',
  'exfiltration',
  'impact',
]);

/** Rules that drop look for nothing. */
export function navigatorLayer(
  rules: readonly RuleDefinition[],
  options: { readonly name: string; readonly platforms: readonly Platform[] },
): NavigatorLayer {
  const looking = rules.filter(({ event }) => event.type !== 'drop');
  const cells = [...byTechnique(looking)].flatMap(([id, of]) => cellsOf(id, of));
  const ids = new Set(cells.map(({ techniqueID }) => techniqueID));
  const techniques = cells
    .sort((a, b) => compare(a.techniqueID, b.techniqueID) || compare(a.tactic ?? '', b.tactic ?? ''))
    .map((cell) => techniqueOf(cell, ids));
  const most = Math.max(1, ...techniques.map(({ score }) => score));
  const untagged = looking.filter((rule) => idsOf(rule).length === 0).length;
  return {
    name: options.name,
    versions: { navigator: '4.9.0', layer: '4.5' },
    domain: 'enterprise-attack',
    description: `Techniques that ${looking.length} Picket rules look for. The score is the number of rules.`,
    filters: { platforms: options.platforms.map((platform) => PLATFORM_NAMES[platform]) },
    sorting: 3,
    layout: { layout: 'side', showID: true, showName: true, expandedSubtechniques: 'annotated' },
    hideDisabled: false,
    techniques,
    gradient: { colors: ['#fff7bc', '#fec44f', '#d95f0e'], minValue: 0, maxValue: most },
    legendItems: [
      { label: 'one rule', color: '#fff7bc' },
      { label: `${most} rules`, color: '#d95f0e' },
    ],
    metadata: [
      { name: 'rules', value: String(looking.length) },
      { name: 'rules without a technique', value: String(untagged) },
    ],
  };
}

interface Cell {
  readonly techniqueID: string;
  /** undefined: under each tactic that the technique has. */
  readonly tactic: string | undefined;
  readonly rules: readonly RuleDefinition[];
}

function byTechnique(rules: readonly RuleDefinition[]): ReadonlyMap<string, readonly RuleDefinition[]> {
  const techniques = new Map<string, RuleDefinition[]>();
  for (const rule of rules) {
    for (const id of idsOf(rule)) {
      const known = techniques.get(id);
      if (known === undefined) techniques.set(id, [rule]);
      else known.push(rule);
    }
  }
  return techniques;
}

function idsOf({ tags }: RuleDefinition): readonly string[] {
  return [...new Set(tags.flatMap((tag) => TECHNIQUE.exec(tag)?.[1]?.toUpperCase() ?? []))];
}

/**
 * One for each tactic where every rule names just one. Of several techniques and tactics the tags don't say which
 * belong together, and a technique that stood with and without tactics would be counted in part only.
 */
function cellsOf(techniqueID: string, rules: readonly RuleDefinition[]): Cell[] {
  const tactics = new Map<string, RuleDefinition[]>();
  for (const rule of rules) {
    const [tactic, ...more] = new Set(rule.tags.flatMap((tag) => tacticOf(tag) ?? []));
    if (tactic === undefined || more.length > 0) return [{ techniqueID, tactic: undefined, rules }];
    const known = tactics.get(tactic);
    if (known === undefined) tactics.set(tactic, [rule]);
    else known.push(rule);
  }
  return [...tactics].map(([tactic, of]) => ({ techniqueID, tactic, rules: of }));
}

function tacticOf(tag: string): string | undefined {
  if (!tag.startsWith('attack.')) return undefined;
  const name = tag.slice('attack.'.length).replaceAll('_', '-').replace('defence-', 'defense-');
  return TACTICS.has(name) ? name : undefined;
}

function techniqueOf({ techniqueID, tactic, rules }: Cell, ids: ReadonlySet<string>): Technique {
  return {
    techniqueID,
    ...(tactic === undefined ? {} : { tactic }),
    score: rules.length,
    comment: rules.map(({ name }) => name).join('\n'),
    enabled: true,
    metadata: outcomesOf(rules),
    showSubtechniques: [...ids].some((id) => id.startsWith(`${techniqueID}.`)),
  };
}

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

/** What happens where rules match: how many deny, alert and so on, and how many only watch. */
function outcomesOf(rules: readonly RuleDefinition[]): Metadata[] {
  const counts = new Map<string, number>();
  for (const { event, mode } of rules) {
    const outcome = mode === 'shadow' ? `${event.type} (shadow)` : event.type;
    counts.set(outcome, (counts.get(outcome) ?? 0) + 1);
  }
  return [...counts].sort().map(([name, count]) => ({ name, value: String(count) }));
}
