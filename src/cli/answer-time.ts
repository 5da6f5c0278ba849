// How long an auth event waited for its answer and where: in the bridge, on the way to the agent and back, in its rules.
import type { EcsPicket } from '../events/ecs-event.ts';
import { formatMicros } from './output.ts';

type AuthAnswer = NonNullable<EcsPicket['auth']>;

/** `1.19 ms (bridge 80 µs, queue 0.90 ms, lane 210 µs)`; what the bridge answers by itself has no parts. */
export function answerTime({
  answered_us = 0,
  bridge_us = 0,
  queue_us = 0,
  lane_us = 0,
}: AuthAnswer): string {
  const whole = formatMicros(answered_us);
  if (queue_us === 0 && lane_us === 0) return whole;
  return `${whole} (bridge ${formatMicros(bridge_us)}, queue ${formatMicros(queue_us)}, lane ${formatMicros(lane_us)})`;
}
