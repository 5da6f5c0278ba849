// Parts of conditions that add nothing: branches that never hold where they stand, and tests that another one beside
// them makes needless.

import { type Condition, isFactReference } from '../conditions.ts';
import type { FindingCode } from '../finding-codes.ts';
import { type Contradiction, contradictionIn } from '../logic/contradiction.ts';
import { describeLiteral, implies, type Literal } from '../logic/literal.ts';
import { conjuncts, type Normal } from '../logic/normal-form.ts';
import type { Place } from '../rule-document.ts';
import type { RuleProblem } from '../rule-problem.ts';
import { type CheckContext, placeOfCondition, warning } from './finding.ts';
import { checkHolding, type Holding } from './holding.ts';

// Each part is held against each other one beside it; longer lists are mostly made by programs.
const PARTS_MAX = 64;

export function checkConditions(context: CheckContext): RuleProblem[] {
  const { problems, decided } = checkHolding(context);
  return [...problems, ...checkRedundancy(context, decided)];
}

function checkRedundancy(context: CheckContext, decided: Holding['decided']): RuleProblem[] {
  const { rules, loaded } = context;
  const found: RuleProblem[] = [];
  for (const rule of rules) {
    if (!decided.has(rule)) new Visit(rule.name, rule.place, context, found).visit(rule.conditions);
  }
  for (const [name, condition] of Object.entries(loaded.ruleSet.conditions)) {
    const place = loaded.conditionPlaces.get(name);
    if (place !== undefined) new Visit(`the condition \`${name}\``, place, context, found).visit(condition);
  }
  return found;
}

class Visit {
  readonly #name: string;
  readonly #place: Place;
  readonly #context: CheckContext;
  readonly #found: RuleProblem[];

  constructor(name: string, place: Place, context: CheckContext, found: RuleProblem[]) {
    this.#name = name;
    this.#place = place;
    this.#context = context;
    this.#found = found;
  }

  /** @param given what holds around the condition */
  visit(condition: Condition, isNegated = false, given: readonly Literal[] = []): void {
    if ('not' in condition) this.visit(condition.not, !isNegated, given);
    if (!('all' in condition) && !('any' in condition)) return;
    const parts = 'all' in condition ? condition.all : condition.any;
    if (parts.length > PARTS_MAX) return;
    const normals = parts.map((part) => this.#context.forms.of(part, isNegated));
    if ('all' in condition !== isNegated) this.#visitTogether(parts, normals, isNegated, given);
    else this.#visitChoice(parts, normals, isNegated, given);
  }

  #visitTogether(
    parts: readonly Condition[],
    normals: readonly Normal[],
    isNegated: boolean,
    given: readonly Literal[],
  ): void {
    for (const [index, part] of parts.entries()) {
      const normal = normals[index];
      const others = normals.flatMap((one, at) => (at === index ? [] : literalsOf(one)));
      if (normal?.kind === 'literal' && 'fact' in part) {
        const reason =
          given.find((one) => implies(one, normal)) ??
          normals
            .flatMap((one, at) => (isBefore(one, at, normal, index) ? literalsOf(one) : []))
            .find((one) => implies(one, normal));
        if (reason !== undefined) this.#tell(part, normal, reason, 'follows from');
      }
      this.visit(part, isNegated, [...given, ...others]);
    }
  }

  #visitChoice(
    parts: readonly Condition[],
    normals: readonly Normal[],
    isNegated: boolean,
    given: readonly Literal[],
  ): void {
    for (const [index, part] of parts.entries()) {
      const normal = normals[index];
      if (normal === undefined) continue;
      const conflict = contradictionIn([...given, normal]);
      if (conflict !== undefined) {
        const message = `${this.#name}: this alternative never holds${whyNot(conflict)}`;
        this.#report(part, 'dead-branch', message, 'an alternative that some event satisfies, or none');
        continue;
      }
      const wider = normals.find(
        (one, at) =>
          one.kind === 'literal' &&
          isBefore(one, at, normal, index) &&
          normal.kind === 'literal' &&
          implies(normal, one),
      );
      if (wider?.kind === 'literal' && normal.kind === 'literal' && 'fact' in part) {
        this.#tell(part, normal, wider, 'is covered by');
      }
      this.visit(part, isNegated, given);
    }
  }

  #tell(part: Condition, normal: Literal, reason: Literal, how: string): void {
    // Whoever asks for presence says that absence was thought of, needed or not.
    if (reason.id !== normal.id && normal.leaf.operator.endsWith('exists')) return;
    const why = `${how} ${reason.id === normal.id ? 'the same test before it' : describeLiteral(reason)}`;
    // Two facts that are compared are seldom written twice by mistake; the text would be the same.
    const shown = isFactReference(normal.leaf.value) ? 'this comparison' : describeLiteral(normal);
    const message = `${this.#name}: ${shown} ${why}`;
    this.#report(part, 'redundant-condition', message, 'one of them');
  }

  #report(part: Condition, code: FindingCode, message: string, expected: string): void {
    const place = placeOfCondition(part, this.#context.loaded) ?? this.#place;
    this.#found.push(warning(place, code, message, expected));
  }
}

function whyNot(conflict: Contradiction | 'never'): string {
  if (conflict === 'never') return '';
  const { literal, other } = conflict;
  if (other === undefined) return `: ${describeLiteral(literal)} is never true`;
  return `: ${describeLiteral(other)} and ${describeLiteral(literal)} exclude each other`;
}

/** Of two that say the same the second is the one too many. */
function isBefore(one: Normal, at: number, other: Normal, index: number): boolean {
  return at !== index && (one.id !== other.id || at < index);
}

function literalsOf(normal: Normal): Literal[] {
  return conjuncts(normal).filter((part): part is Literal => part.kind === 'literal');
}
