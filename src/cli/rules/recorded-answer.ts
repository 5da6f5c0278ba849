// What the kernel was told when an auth event was recorded, and by whom: beside what the rules say now.
import type { EcsEvent } from '../../events/ecs-event.ts';
import { answerTime } from '../answer-time.ts';

const WHO: Readonly<Record<string, string>> = {
  agent: 'the agent',
  slow_lane: 'the slow lane',
  static: 'the bridge by itself, a static verdict',
  default_deadline: 'the default, for no answer came in time',
  default_breaker: 'the default, for the agent was too slow to be asked',
  default_no_agent: 'the default, for there was no agent',
  default_failed: 'the default, for a rule could not be evaluated',
  overload: 'the bridge by itself, for there were too many questions',
  exempt_actor: 'nobody: its process is never asked about',
  never_denied: 'nobody: the file is never denied',
  not_enforced: 'nobody: enforcement was off',
};

/** undefined: it does not say. */
export function recordedAnswer({ picket }: EcsEvent): string | undefined {
  const auth = picket?.auth;
  if (auth?.verdict === undefined) return undefined;
  const who = WHO[auth.level ?? ''] ?? auth.level ?? 'somebody';
  const by = auth.rule === undefined || auth.rule === '' ? '' : `, by ${auth.rule}`;
  const time = auth.answered_us === undefined ? '' : ` after ${answerTime(auth)}`;
  return `when it was recorded: ${auth.verdict}${by}, given by ${who}${time}`;
}
