// Authorization requests that come over the socket: those that the auth lane deferred (json-rules-engine is needed) and
// those too large for its FIFO. They are evaluated on the main thread, with promises, inside what is left of the budget.
import PQueue from 'p-queue';
import { EncodedFacts } from '../events/encoded-facts.ts';
import { picket } from '../events/proto/picket.js';
import type { CompiledRules } from '../rules/compile.ts';
import { NO_HASHES } from '../rules/content-hashes.ts';
import { byDecisiveness, type Decision } from '../rules/decision.ts';
import type { RuleDefinition } from '../rules/schema.ts';
import type { ShadowRules } from '../rules/shadow-rules.ts';
import { AuthTriggers } from './auth-trigger.ts';
import { judgementOf, type ShadowSink } from './shadow-difference.ts';
import { SlowComparison } from './slow-comparison.ts';

/** Evaluations at once: they wait for promises more than they compute. */
const maxConcurrent = 16;
/** Requests in line behind those; the bridge allows fewer pending ones, so more means that the line stands still. */
const maxWaiting = 1_024;
/** Evaluation errors that are logged; all are counted. */
const maxToldErrors = 100;

export interface SlowLaneOptions {
  readonly log: { warn(fields: object, message: string): void };
  readonly shadowSink?: ShadowSink;
}

export interface SlowLaneStatistics {
  requests: number;
  answered: number;
  /** The budget was over first; the guard has answered. */
  late: number;
  /** Too many in line; the guard answers. */
  refused: number;
  errors: number;
}

/**
 * Evaluates one request by `rules`, those of the epoch that it carries, and once it is answered by `shadow`. undefined: there is nothing to send, for the
 * bridge's guard answers or has answered. Never rejects. The request's bytes must not change meanwhile.
 */
export type AnswerSlowly = (
  request: picket.v1.IAuthRequest,
  rules: CompiledRules,
  shadow?: ShadowRules,
) => Promise<picket.v1.IAuthVerdict | undefined>;

export interface SlowLane {
  readonly answer: AnswerSlowly;
  readonly statistics: Readonly<SlowLaneStatistics>;
}

/** One for the process: its bounds hold over all connections. */
export function slowLane(options: SlowLaneOptions): SlowLane {
  const { log, shadowSink } = options;
  const comparison = shadowSink && new SlowComparison(shadowSink);
  const queue = new PQueue({ concurrency: maxConcurrent });
  const triggers = new AuthTriggers();
  const statistics: SlowLaneStatistics = { requests: 0, answered: 0, late: 0, refused: 0, errors: 0 };

  async function answer(
    request: picket.v1.IAuthRequest,
    rules: CompiledRules,
    shadow?: ShadowRules,
  ): Promise<picket.v1.IAuthVerdict | undefined> {
    statistics.requests += 1;
    if (queue.size >= maxWaiting) {
      statistics.refused += 1;
      return undefined;
    }
    // At the end of the budget the request leaves the line, and an evaluation that hangs gives up its place.
    const budget = new AbortController();
    const timer = setTimeout(() => budget.abort(), (request.budgetUs ?? 0) / 1_000);
    try {
      const verdict = await queue.add(() => evaluate(request, rules, shadow), { signal: budget.signal });
      statistics.answered += 1;
      return verdict;
    } catch (error) {
      if (!budget.signal.aborted) throw error;
      statistics.late += 1;
      return undefined;
    } finally {
      clearTimeout(timer);
    }
  }

  async function evaluate(
    request: picket.v1.IAuthRequest,
    rules: CompiledRules,
    shadow: ShadowRules | undefined,
  ): Promise<picket.v1.IAuthVerdict> {
    const beganMs = performance.now();
    const laneUs = (): number => Math.round((performance.now() - beganMs) * 1_000);
    const event = request.event ?? new Uint8Array(0);
    const trigger = triggers.of(event, 0, event.length);
    const { id, epoch } = request;
    const head = { ...(id == null ? {} : { id }), ...(epoch == null ? {} : { epoch }) };
    try {
      if (trigger === undefined) throw new TypeError('the event names no action');
      const failed: [rule: RuleDefinition, error: unknown][] = [];
      const facts = new EncodedFacts().reset(event);
      const hashes = rules.hashesWanted(trigger, facts);
      if (hashes !== NO_HASHES) return { ...head, verdict: picket.v1.Verdict.VERDICT_DEFER, hashes };
      const reported = rules.hashesToReport(trigger, facts);
      const decision = await rules.decideAsync(trigger, facts, (...one) => failed.push(one));
      const [rule, cause] = failed.find(([one]) => couldOverrule(one, decision)) ?? [];
      if (rule !== undefined) throw new Error(`${rule.name} could not be evaluated`, { cause });
      // Behind the sending of the answer, which is a matter of promises.
      if (shadow !== undefined)
        setImmediate(() => comparison?.compare(shadow.rules, trigger, judgementOf(decision), event));
      const more = reported === NO_HASHES ? {} : { report: true, annotated: false, hashes: reported };
      return { ...head, ...verdictOf(decision), ...more, laneUs: laneUs() };
    } catch (error) {
      statistics.errors += 1;
      if (statistics.errors <= maxToldErrors)
        log.warn({ err: error, trigger }, 'an auth request could not be evaluated and gets the default');
      // The bridge gives it at once: waiting for the guard would be the same.
      return { ...head, failed: true, laneUs: laneUs() };
    }
  }

  return { answer, statistics };
}

/** Whether the verdict would be another one if the rule matched. */
function couldOverrule(rule: RuleDefinition, { rule: by, verdict }: Decision): boolean {
  const { type } = rule.event;
  if (rule.mode !== 'enforce' || (type !== 'allow' && type !== 'deny')) return false;
  const isOther = (type === 'deny') !== (verdict === 'deny');
  return isOther && (by === undefined || byDecisiveness(rule, by) < 0);
}

function verdictOf(decision: Decision): picket.v1.IAuthVerdict {
  return {
    verdict: wireOf(decision.verdict === 'deny' ? 'deny' : 'allow'),
    rule: decision.rule?.name ?? '',
    ...(decision.annotations === undefined ? {} : { annotations: decision.annotations }),
    report: decision.matched.length > 0,
    annotated: true,
  };
}

function wireOf(verdict: 'allow' | 'deny'): picket.v1.Verdict {
  return verdict === 'deny' ? picket.v1.Verdict.VERDICT_DENY : picket.v1.Verdict.VERDICT_ALLOW;
}
