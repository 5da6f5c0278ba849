// Rule sets that no index likes: all substrings of one fact, and rules without any condition that an index could use.

import type { Trigger } from '../../src/events/triggers.ts';
import { parseRules, requireRuleSet } from '../../src/rules/load.ts';
import type { RuleSet } from '../../src/rules/schema.ts';
import { type BenchEvent, PLATFORM } from './bench-event.ts';
import { benchEvent, HIT_AT, type Mix } from './mix.ts';
import { seeded } from './random.ts';

export interface AdverseSet {
  readonly name: string;
  readonly ruleSet: RuleSet;
  readonly events: readonly BenchEvent[];
}

interface AdverseRule {
  readonly conditions: unknown;
  /** An argument that makes the rule match. */
  readonly argument: string;
}

const TRIGGER: Trigger = 'notify.exec';
const SEED = 7;

export function adverseSets(mix: Mix, events: number): readonly AdverseSet[] {
  return [
    adverseSet('10000 substrings of one fact', mix, events, 10_000, substringRule),
    adverseSet('1000 rules without a key', mix, events, 1_000, keylessRule),
  ];
}

/** 10,000 of these share beginnings and endings; there are 100 × 100 of them. */
function substringRule(index: number): AdverseRule {
  const argument = `--upload-to=${Math.floor(index / 100)}/part-${index % 100}/end`;
  return {
    conditions: { all: [{ fact: 'process', path: '$.command_line', operator: 'includes', value: argument }] },
    argument,
  };
}

/** By turns a pattern that needs no certain letter, and negations beside a comparison of two facts. */
function keylessRule(index: number): AdverseRule {
  const letters = 2 + (index % 10);
  const digits = 2 + (Math.floor(index / 10) % 10);
  const more = 2 + Math.floor(index / 100);
  const argument = 'a'.repeat(letters) + '7'.repeat(digits) + 'h'.repeat(more);
  const pattern = `\\b[a-f]{${letters}}[0-9]{${digits}}[g-m]{${more}}\\b`;
  const conditions =
    index % 2 === 0
      ? { all: [{ fact: 'process', path: '$.command_line', operator: 'matches', value: pattern }] }
      : {
          all: [
            { not: { fact: 'process', path: '$.executable', operator: 'endsWith', value: `/tool-${index}` } },
            { fact: 'process', path: '$.name', operator: 'notEqual', value: `tool-${index}` },
            {
              fact: 'process',
              path: '$.name',
              operator: 'equal',
              value: { fact: 'process', path: '$.parent.name' },
            },
          ],
        };
  return { conditions, argument };
}

function adverseSet(
  name: string,
  mix: Mix,
  events: number,
  count: number,
  make: (index: number) => AdverseRule,
): AdverseSet {
  const rules = Array.from({ length: count }, (_, index) => make(index));
  const written = rules.map(({ conditions }, index) => ({
    name: `adverse ${index}`,
    on: [TRIGGER],
    conditions,
    event: { type: 'alert' },
  }));
  const random = seeded(SEED);
  const everyday = mix.everydayEvents(events, TRIGGER);
  return {
    name,
    ruleSet: requireRuleSet(
      parseRules([{ file: 'adverse.json', text: JSON.stringify(written) }], { platform: PLATFORM }),
    ),
    events: everyday.map((event, index) => {
      if (index % 10 !== HIT_AT) return benchEvent(event);
      const { argument } = rules[random.integer(count / 2) * 2] ?? { argument: '' };
      const args = [...(event.process?.args ?? []), argument];
      return benchEvent({ ...event, process: { ...event.process, args } });
    }),
  };
}
