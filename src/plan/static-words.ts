// Tests of the bridge as a person reads them.

import type { picket } from '../events/proto/picket.js';
import { displayText, textOfBytes } from '../events/text.ts';
import { oneOf } from '../rules/rule-problem.ts';

/** picket.v1.StaticTest.Subject and Operator, by number. */
const SUBJECTS = ['?', 'the file', 'the program that calls exec', 'the program that opens it'];
const OPERATORS = ['?', 'is', 'begins with', 'ends with'];

/** `the file is /etc/shadow or /etc/gshadow`. @param shown values at most; the others are counted */
function wordsOfTest({ subject, operator, values }: picket.v1.IStaticTest, shown: number): string {
  const all = (values ?? []).map(textOfBytes);
  if (all.length === 0) return 'no event';
  const words = all.slice(0, shown).map(displayText);
  if (all.length > shown) words.push(`${all.length - shown} more`);
  return `${SUBJECTS[subject ?? 0] ?? '?'} ${OPERATORS[operator ?? 0] ?? '?'} ${oneOf(words)}`;
}

/** All must hold. */
export function wordsOfTests(tests: readonly picket.v1.IStaticTest[] | null | undefined, shown = 4): string {
  return (tests ?? []).map((test) => wordsOfTest(test, shown)).join(', and ');
}
