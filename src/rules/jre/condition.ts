// Conditions of json-rules-engine, compiled.

import type { CompiledCondition } from './compiled-condition.ts';
import { areExtrasCurrent, copyNode, KINDS, type OwnProperties, ownProperties } from './condition-node.ts';
import type { Frame } from './frame.ts';
import { compileGroup } from './group-condition.ts';
import type { LeafTable, LeafTest } from './leaf-table.ts';
import type { Comparison, ConditionNode } from './original.ts';
import { isScalar, isUnchanged } from './plain-data.ts';

export interface NamedCondition {
  readonly number: number;
  readonly condition: CompiledCondition;
}

export interface CompileContext {
  readonly table: LeafTable;
  readonly allowUndefinedConditions: boolean;
  /** The facts and leaves that the condition depends on. */
  readonly facts: Set<number>;
  readonly leaves: Set<LeafTest>;
  /** A path can be followed only where the engine has no resolver of its own. */
  readonly hasOwnPaths: boolean;
  /** undefined: not json-rules-engine's own. */
  operator(name: string): Comparison | undefined;
  /** `absent`: no condition has the name. undefined: it has no compiled form. */
  named(name: string): NamedCondition | 'absent' | undefined;
  factPriority(factId: unknown): number | undefined;
}

type Compiled = CompiledCondition | undefined;

/** undefined: it has no compiled form. */
export function compileCondition(node: ConditionNode, context: CompileContext): Compiled {
  const [kind, second] = KINDS.filter((one) => Object.hasOwn(node, one));
  if (second !== undefined) return undefined;
  const own = ownProperties(node, kind);
  if (own === undefined) return undefined;
  switch (kind) {
    case 'all':
    case 'any':
      return compileParts(node, kind, own, context);
    case 'not':
      return compileNot(node, own, context);
    case 'condition':
      return compileReference(node, own, context);
    default:
      return compileLeaf(node, own, context);
  }
}

// A leaf: both sides are ready (1 turn), compared (1), noted (1); a path takes one more.
const LEAF_TURNS = 3;

function compileLeaf(node: ConditionNode, own: OwnProperties, context: CompileContext): Compiled {
  const { fact, path, priority, operator: name, value } = own.template;
  const { extras } = own;
  const written = node.value;
  const operator = typeof name === 'string' ? context.operator(name) : undefined;
  const left = accessOf(fact, path, context);
  if (operator === undefined || left === undefined) return undefined;
  const reference = value as { fact: unknown; path?: unknown };
  const isConstant = isScalar(value);
  const isReference = !isConstant && Object.hasOwn(reference, 'fact');
  const right = isReference ? accessOf(reference.fact, reference.path, context) : undefined;
  if (isReference && right === undefined) return undefined;
  // Of objects json-rules-engine compares identities, those of its copies of the rule.
  if (!isReference && !isConstant && !(Array.isArray(value) && value.every(isScalar))) return undefined;
  const leaf = context.table.leaf(left, operator, value, right);
  context.leaves.add(leaf);
  const sides = right === undefined ? [left] : [left, right];
  const hasPath = sides.some((access) => context.table.accesses[access]?.steps !== undefined);
  const mostTurns = LEAF_TURNS + (hasPath ? 1 : 0);
  return {
    test: (frame) => frame.test(leaf),
    turns: (frame) => LEAF_TURNS + (hasPath && sides.some((access) => frame.hasPathTurn(access)) ? 1 : 0),
    fixedTurns: mostTurns,
    most: { turns: mostTurns, reading: 0 },
    tree(frame) {
      const copy = copyNode(own);
      copy.factResult = frame.values[left];
      copy.valueResult = right === undefined ? copy.value : frame.values[right];
      copy.result = frame.test(leaf);
      return copy;
    },
    copy: () => copyNode(own),
    isCurrent: () =>
      node.fact === fact &&
      node.operator === name &&
      node.path === path &&
      node.priority === priority &&
      Object.is(node.value, written) &&
      (isConstant || isUnchanged(written, value)) &&
      (extras === undefined || areExtrasCurrent(node, own.template, extras)),
  };
}

function accessOf(fact: unknown, path: unknown, context: CompileContext): number | undefined {
  if (typeof fact !== 'string' || (path !== undefined && typeof path !== 'string')) return undefined;
  if (path && context.hasOwnPaths) return undefined;
  const access = context.table.access(fact, path);
  if (access === undefined) return undefined;
  context.facts.add(context.table.accesses[access]?.fact ?? 0);
  return access;
}

function compileNot(node: ConditionNode, own: OwnProperties, context: CompileContext): Compiled {
  const child = node.not as ConditionNode;
  const { extras } = own;
  const { priority } = own.template;
  const part = compileCondition(child, context);
  if (part === undefined) return undefined;
  const build = (frame: Frame | undefined): ConditionNode => {
    const copy = copyNode(own);
    copy.not = frame === undefined ? part.copy() : part.tree(frame);
    if (frame !== undefined) copy.result = !part.test(frame);
    return copy;
  };
  return {
    test: (frame) => !part.test(frame),
    // Turned round (1), noted (1).
    turns: (frame) => part.turns(frame) + 2,
    fixedTurns: part.fixedTurns === undefined ? undefined : part.fixedTurns + 2,
    most: { turns: part.most.turns + 2, reading: part.most.reading },
    tree: (frame) => build(frame),
    copy: () => build(undefined),
    isCurrent: () =>
      node.not === child &&
      node.priority === priority &&
      part.isCurrent() &&
      (extras === undefined || areExtrasCurrent(node, own.template, extras)),
  };
}

function compileParts(
  node: ConditionNode,
  kind: 'all' | 'any',
  own: OwnProperties,
  context: CompileContext,
): Compiled {
  const list = node[kind];
  if (!Array.isArray(list)) return undefined;
  const parts: CompiledCondition[] = [];
  for (const child of list as ConditionNode[]) {
    const part = compileCondition(child, context);
    if (part === undefined) return undefined;
    parts.push(part);
  }
  return compileGroup({ node, kind, own, list, parts, sets: setsOf(list, context) });
}

function setsOf(children: readonly ConditionNode[], context: CompileContext): number[][] {
  const sets: Record<string, number[]> = {};
  for (const [index, { priority, fact }] of children.entries()) {
    const key = String(priority || context.factPriority(fact) || 1);
    sets[key] ??= [];
    sets[key].push(index);
  }
  return Object.keys(sets)
    .sort((a, b) => (Number(a) > Number(b) ? -1 : 1))
    .map((key) => sets[key] ?? []);
}

function compileReference(node: ConditionNode, own: OwnProperties, context: CompileContext): Compiled {
  const name = node.condition;
  if (typeof name !== 'string') return undefined;
  const target = context.named(name);
  const { extras } = own;
  const { priority } = own.template;
  const isCurrent = (): boolean =>
    node.condition === name &&
    node.priority === priority &&
    (extras === undefined || areExtrasCurrent(node, own.template, extras));
  const copy = (): ConditionNode => copyNode(own);
  if (target === undefined) return undefined;
  if (target === 'absent') {
    // Without the option it is an error, and that is json-rules-engine's to throw.
    if (!context.allowUndefinedConditions) return undefined;
    const tree = (): ConditionNode => Object.assign(copy(), { result: false });
    return {
      test: () => false,
      turns: () => 0,
      fixedTurns: 0,
      most: { turns: 0, reading: 0 },
      tree,
      copy,
      isCurrent,
    };
  }
  const { number, condition } = target;
  return {
    test: (frame) => frame.named(number, condition.test),
    turns: (frame) => condition.turns(frame),
    fixedTurns: condition.fixedTurns,
    most: condition.most,
    tree(frame) {
      const { condition: _, ...kept } = copy();
      return Object.assign(
        Object.create(Object.getPrototypeOf(node) as object) as ConditionNode,
        kept,
        condition.tree(frame),
      );
    },
    copy,
    isCurrent,
  };
}
