// Whether a verdict on an auth trigger may be kept by the kernel's cache, derived from the facts that the rules read.
// Nobody declares it: one rule that reads an argument is enough to make every answer of its trigger uncacheable.

import { createHash } from 'node:crypto';
import { findFact } from '../events/fact-table.ts';
import type { Platform, Trigger } from '../events/triggers.ts';
import type { Property } from '../events/wire-table.ts';
import { isFactReference, type NamedConditions, visitLeaves } from './conditions.ts';
import { accessOf, factName } from './fact-access.ts';
import type { RuleDefinition } from './schema.ts';

/**
 * kernel: an *allow* to which no rule matched may stay there: on Linux an ignore mark on the inode, on top of a read
 * lease; on macOS Endpoint Security's cache, by (program, file). A deny never enters it, and neither does the answer to
 * an event that a rule matched, since a hit raises no event to report. none: every event has to be asked about.
 */
type CacheLevel = 'kernel' | 'none';

export interface CacheObstacle {
  /** The fact's whole name: `process.args`. */
  readonly fact: string;
  /** The name of a rule that reads it. */
  readonly rule: string;
  /** Why it is no function of the cache's key, or why the cache would not hear of its change; a clause: `a rename …`. */
  readonly reason: string;
}

export interface Cacheability {
  readonly cacheable: boolean;
  readonly level: CacheLevel;
  /** What stands in the way: each fact of each rule once, in the rules' order. Empty where cacheable. */
  readonly because: readonly CacheObstacle[];
}

/**
 * @param rules the set; those of other triggers and platforms are left out here. Rules in shadow mode, alerts and tags
 * count like any other: a cached answer would hide from them what they are to report.
 */
export function cacheabilityOf(
  trigger: Trigger,
  rules: readonly RuleDefinition[],
  named: NamedConditions,
  platform: Platform,
): Cacheability {
  const because: CacheObstacle[] = [];
  for (const rule of rules) {
    if (!rule.on.includes(trigger) || !rule.platforms.includes(platform)) continue;
    for (const fact of factsRead(rule, named)) {
      const reason = obstacleOf(fact, trigger, platform);
      if (reason !== undefined) because.push({ fact: fact.name, rule: rule.name, reason });
    }
  }
  const cacheable = because.length === 0;
  return { cacheable, level: cacheable ? 'kernel' : 'none', because };
}

/**
 * What a lease on Linux keeps nobody from is to empty a file: whoever has something to say of that must be asked. Every
 * fact that stands in no one's way there has its value here.
 */
export const EMPTY_FILE = {
  type: 'file',
  size: 0,
  hash: { sha256: createHash('sha256').digest('hex') },
} as const;

/** The same without the reasons, at the first obstacle. */
export function isCacheable(
  trigger: Trigger,
  rules: readonly RuleDefinition[],
  named: NamedConditions,
  platform: Platform,
): boolean {
  return rules.every(
    (rule) =>
      !rule.on.includes(trigger) ||
      !rule.platforms.includes(platform) ||
      factsRead(rule, named).every((fact) => obstacleOf(fact, trigger, platform) === undefined),
  );
}

interface ReadFact {
  readonly name: string;
  /** undefined: a path with filters or wildcards, which can read anything below the fact. */
  readonly slot: string | undefined;
}

function factsRead(rule: RuleDefinition, named: NamedConditions): readonly ReadFact[] {
  const facts = new Map<string, ReadFact>();
  const add = (fact: string, path: string | undefined): void => {
    const access = accessOf(fact, path);
    const slot = access?.slot?.name;
    const name = slot ?? factName(fact, path);
    facts.set(name, { name, slot });
  };
  visitLeaves(rule.conditions, named, (leaf) => {
    add(leaf.fact, leaf.path);
    if (isFactReference(leaf.value)) add(leaf.value.fact, leaf.value.path);
  });
  return [...facts.values()];
}

/** The same for every event that could meet the same cache entry: an entry belongs to one trigger. */
const CONSTANT: ReadonlySet<string> = new Set([
  'event.action',
  'event.category',
  'event.code',
  'event.kind',
  'host.os.type',
  'picket.trigger',
]);
/** The inode is the key, its type never changes, and while the lease holds nobody changes the size. */
const OF_THE_INODE: ReadonlySet<string> = new Set(['file.inode', 'file.device', 'file.type', 'file.size']);

const IDENTITY: ReadonlySet<string> = new Set(['file.inode', 'file.device']);

const REASONS: Readonly<Record<Exclude<Property, 'content'>, string>> = {
  path: 'a rename or a hard link moves a path, and no cache hears of it',
  arguments: 'the same program is started with other arguments',
  actor: 'another process may ask for the same file',
  metadata: 'chmod and chown change it, and no cache hears of it',
  time: 'it changes with time',
  network: 'it differs from event to event',
  event: 'it differs from event to event',
};

/** undefined: a function of the key, and the cache forgets when it changes. */
function obstacleOf({ slot, name }: ReadFact, trigger: Trigger, platform: Platform): string | undefined {
  if (slot === undefined) return 'a path with filters or wildcards may read anything below it';
  if (platform === 'linux' && IDENTITY.has(slot)) return 'Linux keeps verdicts on content alone';
  if (CONSTANT.has(slot) || OF_THE_INODE.has(slot)) return undefined;
  const definition = findFact(slot, trigger, platform);
  if (definition === undefined) return 'no event of the trigger has it';
  if (definition.type === 'object') return `all of ${name} counts, and with it what differs between events`;
  return definition.property === 'content' ? undefined : REASONS[definition.property];
}
