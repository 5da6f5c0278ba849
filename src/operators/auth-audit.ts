// Reads of an encoded auth event only how it ended (field 30), without decoding the rest.
import protobuf from 'protobufjs/minimal.js';
import { picket } from '../events/proto/picket.js';

const AUTH_OUTCOME_TAG = (30 << 3) | 2;

export interface AuthAudit {
  /** What the kernel was told. */
  readonly verdict: 'allow' | 'deny';
  /** The auth lane evaluated the event: its rules, tags and alerts are in the bytes. */
  readonly isAnnotated: boolean;
  /** A deny, a default or an answer of the bridge itself is told whether a rule matches or not. */
  readonly isNews: boolean;
  /** The bridge answered by a static verdict, and no lane was asked. */
  readonly isStatic: boolean;
  /** The deciding rule; empty: none, it was a default. */
  readonly rule: string;
  /** Of the policy by which it was answered; 0: there was none. */
  readonly epoch: number;
}

/** Never throws for an event whose header could be read; without an outcome the kernel was told to allow. */
export function readAuthAudit(bytes: Uint8Array): AuthAudit {
  const reader = protobuf.Reader.create(bytes);
  let verdict: AuthAudit['verdict'] = 'allow';
  let isAnnotated = false;
  let isByAgent = false;
  let isStatic = false;
  let rule = '';
  let epoch = 0;
  try {
    while (reader.pos < reader.len) {
      const tag = reader.uint32();
      if (tag === AUTH_OUTCOME_TAG) {
        const outcome = picket.v1.AuthOutcome.decode(reader, reader.uint32());
        if (outcome.verdict === picket.v1.Verdict.VERDICT_DENY) verdict = 'deny';
        isAnnotated ||= outcome.annotated;
        isByAgent = outcome.level === picket.v1.AnswerLevel.ANSWER_LEVEL_AGENT;
        isStatic = outcome.level === picket.v1.AnswerLevel.ANSWER_LEVEL_STATIC;
        rule = outcome.rule;
        epoch = Number(outcome.epoch);
      } else {
        reader.skipType(tag & 7);
      }
    }
  } catch {
    // A tail that cannot be read is no outcome: the event is judged anew and forwarded as it is.
  }
  return { verdict, isAnnotated, isNews: verdict === 'deny' || !isByAgent, isStatic, rule, epoch };
}
