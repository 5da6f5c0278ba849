// The shape of json-rules-engine's conditions, as the loader leaves them: checked, so nothing below looks twice.

export type Scalar = string | number | bigint | boolean | null;

/** A condition's value that is read from the event: compares one fact with another. */
export interface FactReference {
  readonly fact: string;
  readonly path?: string | undefined;
}

export type ConditionValue = Scalar | readonly Scalar[] | FactReference;

interface Labelled {
  readonly name?: string | undefined;
  /** json-rules-engine evaluates higher ones first; the result is the same in any order. */
  readonly priority?: number | undefined;
}

export interface Leaf extends Labelled {
  readonly fact: string;
  readonly path?: string | undefined;
  readonly operator: string;
  readonly value: ConditionValue;
}
export interface AllOf extends Labelled {
  readonly all: readonly Condition[];
}
export interface AnyOf extends Labelled {
  readonly any: readonly Condition[];
}
export interface NotOf extends Labelled {
  readonly not: Condition;
}
export interface NamedReference extends Labelled {
  readonly condition: string;
}

export type RootCondition = AllOf | AnyOf | NotOf | NamedReference;
export type Condition = RootCondition | Leaf;
export type NamedConditions = Readonly<Record<string, RootCondition>>;

export function isFactReference(value: ConditionValue): value is FactReference {
  return value !== null && typeof value === 'object' && 'fact' in value;
}

/** Calls `visit` for every leaf with whether it stands under an odd number of `not`; follows named conditions. */
export function visitLeaves(
  condition: Condition,
  named: NamedConditions,
  visit: (leaf: Leaf, isNegated: boolean) => void,
  isNegated = false,
): void {
  if ('all' in condition) {
    for (const part of condition.all) visitLeaves(part, named, visit, isNegated);
  } else if ('any' in condition) {
    for (const part of condition.any) visitLeaves(part, named, visit, isNegated);
  } else if ('not' in condition) {
    visitLeaves(condition.not, named, visit, !isNegated);
  } else if ('condition' in condition) {
    const target = named[condition.condition];
    if (target !== undefined) visitLeaves(target, named, visit, isNegated);
  } else {
    visit(condition, isNegated);
  }
}
