// What conditions are read with, and what is noted of them on the way.

import type { Leaf } from './conditions.ts';
import type { NamedList } from './named-lists.ts';
import type { PlaceOfPart, RuleDocument } from './rule-document.ts';
import type { RuleProblem } from './rule-problem.ts';

/** Where the parts of a leaf stand. */
export type LeafPlaces = ReadonlyMap<Leaf, PlaceOfPart>;

/** By name; undefined: it is wrong, and that is reported. */
export type KnownLists = ReadonlyMap<string, NamedList | undefined>;

export interface ConditionSyntax {
  readonly document: RuleDocument;
  readonly conditionNames: ReadonlySet<string>;
  readonly lists: KnownLists;
  /** Gathers the names of lists that are referred to. */
  readonly usedLists?: Set<string> | undefined;
  readonly places: Map<Leaf, PlaceOfPart>;
  /** Gathers the leaves that are right, for checks that go on although a neighbour is wrong. */
  readonly leaves?: Leaf[];
  report(problem: RuleProblem): void;
}

/** What json-rules-engine lets stand beside any condition. */
export type Labels = { readonly name?: string; readonly priority?: number };
