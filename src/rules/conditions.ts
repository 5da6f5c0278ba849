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

/**
 * Calls `visit` for every leaf with whether it stands under an odd number of `not`; follows named conditions. A name is
 * followed once for each: names that refer to one another twice would be followed more often than there are atoms.
 */
export function visitLeaves(
  condition: Condition,
  named: NamedConditions,
  visit: (leaf: Leaf, isNegated: boolean) => void,
): void {
  const seen = { plain: new Set<string>(), negated: new Set<string>() };
  const walk = (part: Condition, isNegated: boolean): void => {
    if ('all' in part) for (const inner of part.all) walk(inner, isNegated);
    else if ('any' in part) for (const inner of part.any) walk(inner, isNegated);
    else if ('not' in part) walk(part.not, !isNegated);
    else if ('condition' in part) {
      const names = isNegated ? seen.negated : seen.plain;
      const target = named[part.condition];
      if (target === undefined || names.has(part.condition)) return;
      names.add(part.condition);
      walk(target, isNegated);
    } else visit(part, isNegated);
  };
  walk(condition, false);
}

/** The names of the conditions that it refers to itself. */
export function referencesOf(condition: Condition | undefined): string[] {
  if (condition === undefined || 'fact' in condition) return [];
  if ('condition' in condition) return [condition.condition];
  if ('not' in condition) return referencesOf(condition.not);
  return ('all' in condition ? condition.all : condition.any).flatMap(referencesOf);
}
