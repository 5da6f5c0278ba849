// Where in the filesystem a rule can match at all: whole paths and prefixes of which one holds whenever the rule does.
// What is found here selects events (macOS: inverted muting of target paths) and filesystems (Linux: marks), so it may
// only ever be too much.

import type { Trigger } from '../events/triggers.ts';
import { type Condition, isFactReference, type Leaf, type NamedConditions } from './conditions.ts';
import { accessOf } from './fact-access.ts';

export interface TargetPath {
  readonly kind: 'literal' | 'prefix';
  readonly path: string;
}

/** In a policy, a mute is a system call each. */
const TARGETS_MAX = 1024;

/** undefined: anywhere. */
export function targetPathsOf(
  condition: Condition,
  named: NamedConditions,
  trigger: Trigger,
): readonly TargetPath[] | undefined {
  // Each name once: names that refer to others twice make more ways through them than there is time for.
  const known = new Map<string, Targets>();
  return targetsOf(condition);

  function targetsOf(part: Condition): Targets {
    if ('fact' in part) return targetsOfLeaf(part, trigger);
    if ('not' in part) return undefined;
    if ('condition' in part) return targetsOfName(part.condition);
    if ('all' in part) return part.all.map(targetsOf).reduce<Targets>(narrower, undefined);
    // json-rules-engine: an empty list is true, of `any` too.
    if (part.any.length === 0) return undefined;
    const all: TargetPath[] = [];
    for (const one of part.any) {
      const targets = targetsOf(one);
      if (targets === undefined) return undefined;
      all.push(...targets);
    }
    return all.length > TARGETS_MAX ? undefined : withoutCovered(all);
  }

  function targetsOfName(name: string): Targets {
    if (known.has(name)) return known.get(name);
    const target = named[name];
    const targets = target === undefined ? undefined : targetsOf(target);
    known.set(name, targets);
    return targets;
  }
}

/** Each once, and none that another prefix covers. */
export function withoutCovered(targets: readonly TargetPath[]): readonly TargetPath[] {
  const sorted = [...targets].sort(
    (a, b) => compare(a.path, b.path) || (a.kind === b.kind ? 0 : a.kind === 'prefix' ? -1 : 1),
  );
  const kept: TargetPath[] = [];
  let cover: string | undefined;
  for (const target of sorted) {
    if (cover !== undefined && target.path.startsWith(cover)) continue;
    if (target.kind === 'prefix') cover = target.path;
    else if (kept.at(-1)?.path === target.path) continue;
    kept.push(target);
  }
  return kept;
}

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

type Targets = readonly TargetPath[] | undefined;

/** By what little of the filesystem is left: whole paths before prefixes, then long before short. */
function narrower(a: Targets, b: Targets): Targets {
  if (a === undefined || b === undefined) return a ?? b;
  return widest(b) > widest(a) ? b : a;
}

function widest(targets: readonly TargetPath[]): number {
  return Math.min(
    ...targets.map(({ kind, path }) => (kind === 'literal' ? Number.MAX_SAFE_INTEGER : path.length)),
  );
}

const PREFIX_OPERATORS = new Set(['startsWith', 'someValue:startsWith']);
const LITERAL_OPERATORS = new Set(['equal', 'in', 'someValue:equal']);

function targetsOfLeaf(leaf: Leaf, trigger: Trigger): Targets {
  const { operator, value } = leaf;
  const isPrefix = PREFIX_OPERATORS.has(operator);
  if (!isPrefix && !LITERAL_OPERATORS.has(operator)) return undefined;
  const isListed = operator === 'in' || operator.startsWith('someValue:');
  if (isFactReference(value) || isListed !== Array.isArray(value)) return undefined;
  const access = accessOf(leaf.fact, leaf.path);
  if (access?.slot === undefined || access.steps.length > 0) return undefined;
  const subject = subjectOf(access.slot.name, trigger);
  if (subject === undefined) return undefined;
  const values = [value].flat();
  const texts = values.filter((one) => typeof one === 'string');
  // An empty prefix is every path; a number is none.
  if (texts.length !== values.length || texts.length > TARGETS_MAX || texts.includes('')) return undefined;
  if (isPrefix) return withoutCovered(texts.map((path) => ({ kind: 'prefix', path })));
  return withoutCovered(texts.map((path) => literalOf(path, subject)));
}

/** A file in a folder has the folder's path and a slash before its name. */
function literalOf(path: string, subject: 'path' | 'directory'): TargetPath {
  if (subject === 'path') return { kind: 'literal', path };
  return { kind: 'prefix', path: path.endsWith('/') ? path : `${path}/` };
}

function subjectOf(fact: string, trigger: Trigger): 'path' | 'directory' | undefined {
  if (fact === 'file.path' || fact === 'file.target_path') return 'path';
  if (fact === 'file.directory') return 'directory';
  return fact === 'process.executable' && trigger.endsWith('.exec') ? 'path' : undefined;
}
