// A Sigma condition as Picket's, for the events of one source: fields become facts, known fields their truth.

import type { Place } from '../rule-document.ts';
import { type SigmaCondition, selects } from './condition-grammar.ts';
import type { Detection, Detections, FieldTest } from './detection.ts';
import { translateField } from './field-test.ts';
import { translateKeywords } from './keywords.ts';
import { allOf, anyOf, notOf, type Outcome } from './logic.ts';
import { SigmaError } from './sigma-error.ts';
import type { Target } from './target.ts';

/** Throws SigmaError for what has no translation and matters. */
export function translate(
  condition: SigmaCondition,
  detections: Detections,
  place: Place,
  target: Target,
): Outcome {
  const follow = (part: SigmaCondition): Outcome => {
    switch (part.kind) {
      case 'and':
        return allOf(part.parts.map((one) => () => follow(one)));
      case 'or':
        return anyOf(part.parts.map((one) => () => follow(one)));
      case 'not':
        return notOf(follow(part.part));
      case 'identifier':
        return translateDetection(named(part.name, detections, place), target);
      case 'selector': {
        const parts = selected(part.pattern, detections, place).map(
          (detection) => () => translateDetection(detection, target),
        );
        return part.quantifier === 'all' ? allOf(parts) : anyOf(parts);
      }
    }
  };
  return follow(condition);
}

/** Throws where a condition names what is not there; answers the names that it uses. */
export function namesIn(
  condition: SigmaCondition,
  detections: Detections,
  place: Place,
): ReadonlySet<string> {
  const names = new Set<string>();
  const visit = (part: SigmaCondition): void => {
    switch (part.kind) {
      case 'and':
      case 'or':
        for (const one of part.parts) visit(one);
        return;
      case 'not':
        visit(part.part);
        return;
      case 'identifier':
        named(part.name, detections, place);
        names.add(part.name);
        return;
      case 'selector':
        selected(part.pattern, detections, place);
        for (const name of detections.keys()) if (selects(part.pattern, name)) names.add(name);
    }
  };
  visit(condition);
  return names;
}

function named(name: string, detections: Detections, place: Place): Detection {
  const detection = detections.get(name);
  if (detection !== undefined) return detection;
  throw new SigmaError('condition', place, `the condition names \`${name}\`, which is not defined`, {
    found: name,
    expected: [...detections.keys()].join(', '),
  });
}

function selected(pattern: string, detections: Detections, place: Place): readonly Detection[] {
  const found = [...detections].filter(([name]) => selects(pattern, name)).map(([, detection]) => detection);
  if (found.length > 0) return found;
  throw new SigmaError('condition', place, `no search identifier is meant by \`${pattern}\``, {
    found: pattern,
    expected: [...detections.keys()].join(', '),
  });
}

function translateDetection(detection: Detection, target: Target): Outcome {
  if (detection.kind === 'test') return translateTest(detection, target);
  const parts = detection.parts.map((part) => () => translateDetection(part, target));
  return detection.kind === 'all' ? allOf(parts) : anyOf(parts);
}

function translateTest(test: FieldTest, target: Target): Outcome {
  const outcome =
    test.field === undefined ? translateKeywords(test, target) : translateField(test, test.field, target);
  return test.isNegated ? notOf(outcome) : outcome;
}
