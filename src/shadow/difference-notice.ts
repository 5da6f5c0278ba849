// A difference between the enforced rules and the shadow set as an event of the agent's own, ready for the bridge to
// number. It has the process and the file of one request on which they differed.

import { decodeEvent } from '../events/decode-event.ts';
import type { EcsEvent } from '../events/ecs-event.ts';
import { encodeEvent } from '../events/encode-event.ts';
import { textOfNs } from '../events/times.ts';
import type { Platform } from '../events/triggers.ts';
import type { CountedDifference } from './differences.ts';

export interface DifferenceNotice {
  /** Unix time; no two notices of an agent have the same. */
  readonly createdNs: bigint;
  readonly platform: Platform;
  readonly difference: CountedDifference;
  /** The request's encoded event; undefined: the notice tells a count. */
  readonly sample: Uint8Array | undefined;
}

export function differenceNotice({ createdNs, platform, difference, sample }: DifferenceNotice): Uint8Array {
  const { enforced, shadow, times } = difference;
  const { process, file, picket } = sample === undefined ? {} : decodeEvent(sample);
  const notice: EcsEvent = {
    event: { created: textOfNs(createdNs), action: 'shadow_difference', provider: 'picket-agent' },
    host: { os: { type: platform } },
    ...(process === undefined ? {} : { process }),
    ...(file === undefined ? {} : { file }),
    picket: {
      trigger: 'picket',
      shadow_difference: {
        enforced_verdict: enforced.verdict,
        ...(enforced.rule === undefined ? {} : { enforced_rule: enforced.rule }),
        shadow_verdict: shadow.verdict,
        ...(shadow.rule === undefined ? {} : { shadow_rule: shadow.rule }),
        times,
        ...(picket?.trigger === undefined ? {} : { trigger: picket.trigger }),
      },
    },
  };
  return encodeEvent(notice);
}
