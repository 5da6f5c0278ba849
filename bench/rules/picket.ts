// Picket itself: from encoded bytes, as on the auth lane and in the pipeline, and from objects, as in replays and tests.

import { EncodedFacts } from '../../src/events/encoded-facts.ts';
import { objectFacts } from '../../src/events/object-facts.ts';
import { compileRules } from '../../src/rules/compile.ts';
import type { RuleSet } from '../../src/rules/schema.ts';
import { PLATFORM } from './bench-event.ts';
import type { Subject } from './subject.ts';

export function picketFromBytes(ruleSet: RuleSet): Subject {
  const compiled = compileRules(ruleSet, { platform: PLATFORM });
  const facts = new EncodedFacts();
  return {
    run: ({ trigger, bytes }) => compiled.decide(trigger, facts.reset(bytes)).matched.length,
    matches: ({ trigger, bytes }) =>
      compiled.decide(trigger, facts.reset(bytes)).matched.map((rule) => rule.name),
  };
}

export function picketFromObjects(ruleSet: RuleSet): Subject {
  const compiled = compileRules(ruleSet, { platform: PLATFORM });
  return {
    run: ({ trigger, object }) => compiled.decide(trigger, objectFacts(object)).matched.length,
    matches: ({ trigger, object }) =>
      compiled.decide(trigger, objectFacts(object)).matched.map((rule) => rule.name),
  };
}
