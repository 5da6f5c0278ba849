// `all` and `any` in compiled form.

import type { CompiledCondition } from './compiled-condition.ts';
import { areExtrasCurrent, copyNode, type OwnProperties } from './condition-node.ts';
import type { Frame } from './frame.ts';
import type { ConditionNode } from './original.ts';

export interface Group {
  readonly node: ConditionNode;
  readonly kind: 'all' | 'any';
  readonly own: OwnProperties;
  /** As the user has them. */
  readonly list: readonly ConditionNode[];
  readonly parts: readonly CompiledCondition[];
  /**
   * The parts by number: those of one priority together, the highest first. json-rules-engine evaluates one set after
   * another until the rest can't matter.
   */
  readonly sets: readonly (readonly number[])[];
}

export function compileGroup({ node, kind, own, list, parts, sets }: Group): CompiledCondition {
  const children = [...list];
  const { extras } = own;
  const { priority } = own.template;
  const isAll = kind === 'all';
  const isDecided = (set: readonly number[], frame: Frame): boolean =>
    isAll
      ? set.some((index) => !(parts[index]?.test(frame) ?? true))
      : set.some((index) => parts[index]?.test(frame) ?? false);
  const test = isAll ? allTest(parts) : anyTest(parts);
  const build = (frame: Frame | undefined): ConditionNode => {
    const copy = copyNode(own);
    const copies = parts.map((part) => (frame === undefined ? part.copy() : undefined));
    let isOpen = frame !== undefined;
    for (const set of sets) {
      for (const index of set)
        copies[index] = isOpen && frame ? parts[index]?.tree(frame) : parts[index]?.copy();
      if (isOpen && frame && isDecided(set, frame)) isOpen = false;
    }
    copy[kind] = copies;
    if (frame !== undefined) copy.result = test(frame);
    return copy;
  };
  return {
    test,
    turns(frame) {
      let turns = 0;
      if (parts.length === 1) turns = parts[0]?.turns(frame) ?? 0;
      else {
        let isOpen = true;
        for (const set of sets) {
          turns += isOpen ? SET_TURNS + longest(set, (index) => parts[index]?.turns(frame) ?? 0) : 1;
          if (isOpen && isDecided(set, frame)) isOpen = false;
        }
      }
      // Noted (1).
      return turns + 1;
    },
    fixedTurns: fixedTurns(parts, sets),
    most: mostOf(parts, sets),
    tree: (frame) => build(frame),
    copy: () => build(undefined),
    isCurrent() {
      if (
        (isAll ? node.all : node.any) !== list ||
        node.priority !== priority ||
        list.length !== children.length
      )
        return false;
      for (let i = 0; i < parts.length; i++) {
        if (list[i] !== children[i] || !parts[i]?.isCurrent()) return false;
      }
      return extras === undefined || areExtrasCurrent(node, own.template, extras);
    },
  };
}

// A set of parts with one priority: begun (1), gathered (1), counted (1), handed on as a promise within a promise (1).
// Its parts run in between; a set that needn't run costs the first turn alone.
const SET_TURNS = 4;

function fixedTurns(
  parts: readonly CompiledCondition[],
  sets: readonly (readonly number[])[],
): number | undefined {
  if (sets.length > 1 || parts.some((part) => part.fixedTurns === undefined)) return undefined;
  const [first, second] = parts;
  if (first === undefined) return 1;
  if (second === undefined) return (first.fixedTurns ?? 0) + 1;
  return SET_TURNS + 1 + longest([...parts.keys()], (index) => parts[index]?.fixedTurns ?? 0);
}

function mostOf(
  parts: readonly CompiledCondition[],
  sets: readonly (readonly number[])[],
): CompiledCondition['most'] {
  const [first] = parts;
  if (first === undefined) return { turns: 1, reading: 0 };
  if (parts.length === 1) return { turns: first.most.turns + 1, reading: first.most.reading };
  let turns = 0;
  let reading = 0;
  for (const set of sets) {
    reading = turns + 1 + longest(set, (index) => parts[index]?.most.reading ?? 0);
    turns += SET_TURNS + longest(set, (index) => parts[index]?.most.turns ?? 0);
  }
  return { turns: turns + 1, reading };
}

function longest(set: readonly number[], turnsOf: (index: number) => number): number {
  let turns = 0;
  for (const index of set) turns = Math.max(turns, turnsOf(index));
  return turns;
}

type Test = (frame: Frame) => boolean;

function allTest(parts: readonly CompiledCondition[]): Test {
  const [first, second, third] = parts.map((part) => part.test);
  if (first === undefined) return () => true;
  if (second === undefined) return first;
  if (third === undefined) return (frame) => first(frame) && second(frame);
  return (frame) => {
    for (const part of parts) if (!part.test(frame)) return false;
    return true;
  };
}

function anyTest(parts: readonly CompiledCondition[]): Test {
  const [first, second, third] = parts.map((part) => part.test);
  // json-rules-engine: an empty list is true, of `any` too.
  if (first === undefined) return () => true;
  if (second === undefined) return first;
  if (third === undefined) return (frame) => first(frame) || second(frame);
  return (frame) => {
    for (const part of parts) if (part.test(frame)) return true;
    return false;
  };
}
