// The answer that the bridge gives by itself, without asking: what native-bridge/core/policy_match.c does, over facts.

import { type Facts, slotOf } from '../events/facts.ts';
import type { picket } from '../events/proto/picket.js';
import { bytesOfText } from '../events/text.ts';
import { actionOfTrigger, type Trigger } from '../events/triggers.ts';
import { VERDICT } from './plan.ts';
import { OPERATOR, SUBJECT } from './static-tests.ts';

export interface StaticAnswer {
  readonly verdict: 'allow' | 'deny';
  readonly rule: string;
  /** A path is unresolved: a deny on it then holds if it could. */
  readonly isInDoubt: boolean;
}

/** undefined: it asks the agent. */
export function staticVerdictOf(
  policy: picket.v1.IPolicy,
  trigger: Trigger,
  facts: Facts,
): StaticAnswer | undefined {
  const action = actionOfTrigger(trigger);
  for (const { action: of, tests, verdict, rule } of policy.staticVerdicts ?? []) {
    if (of !== action) continue;
    const isDeny = verdict === VERDICT.deny;
    const outcomes = (tests ?? []).map((test) => outcomeOf(test, trigger, facts));
    if (!outcomes.every((outcome) => outcome === 'holds' || (outcome === 'in doubt' && isDeny))) continue;
    return { verdict: isDeny ? 'deny' : 'allow', rule: rule ?? '', isInDoubt: outcomes.includes('in doubt') };
  }
  return undefined;
}

function outcomeOf(
  { subject, operator, values }: picket.v1.IStaticTest,
  trigger: Trigger,
  facts: Facts,
): 'holds' | 'fails' | 'in doubt' {
  const isExec = trigger === 'auth.exec';
  const isOfFile = subject === SUBJECT.filePath || (isExec && subject === SUBJECT.processExecutable);
  if (subject === SUBJECT.previousExecutable && !isExec) return 'fails';
  const actor = isExec ? 'process.previous.' : 'process.';
  const flag = isOfFile ? 'file.path_unresolved' : `${actor}executable_unresolved`;
  if (read(flag, facts) === true) return (values ?? []).length > 0 ? 'in doubt' : 'fails';
  const text = read(isOfFile ? 'file.path' : `${actor}executable`, facts);
  const bytes = Buffer.from(typeof text === 'string' ? bytesOfText(text) : []);
  return (values ?? []).some((value) => fits(bytes, Buffer.from(value), operator ?? 0)) ? 'holds' : 'fails';
}

function fits(bytes: Buffer, value: Buffer, operator: number): boolean {
  if (operator === OPERATOR.equal) return bytes.equals(value);
  const part =
    operator === OPERATOR.prefix
      ? bytes.subarray(0, value.length)
      : bytes.subarray(-value.length || bytes.length);
  return value.length <= bytes.length && part.equals(value);
}

function read(name: string, facts: Facts): unknown {
  const slot = slotOf(name);
  return slot && facts.get(slot);
}
