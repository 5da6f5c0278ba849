// What became of a rule set, as an event of the agent's own with an alert on it, ready for the bridge to number.
import { annotate, encodeAnnotations } from '../events/annotate.ts';
import { encodeEvent } from '../events/encode-event.ts';
import { textOfNs } from '../events/times.ts';
import type { Platform } from '../events/triggers.ts';

export interface RuleSetNotice {
  /** Unix time; no two notices of an agent have the same. */
  readonly createdNs: bigint;
  readonly platform: Platform;
  readonly epoch: number;
  readonly state: 'shadowed' | 'set_aside';
  readonly reason: string;
  readonly rules: readonly string[];
  readonly programs: readonly string[];
}

const ALERTS = { shadowed: 'picket-probation', set_aside: 'picket-crashing-rules' } as const;
/** An event is no place for a whole rule set; the log names them all. */
const NAMES_MAX = 64;

export function ruleSetNotice(notice: RuleSetNotice): Uint8Array {
  const { createdNs, platform, epoch, state, reason, rules, programs } = notice;
  const event = encodeEvent({
    event: { created: textOfNs(createdNs), action: 'rule_set', provider: 'picket-agent' },
    host: { os: { type: platform } },
    picket: {
      trigger: 'picket',
      rule_set: {
        epoch,
        state,
        reason,
        rules: rules.slice(0, NAMES_MAX),
        programs: programs.slice(0, NAMES_MAX),
      },
    },
  });
  const alert = { rule: ALERTS[state], severity: 'high', message: reason };
  return annotate(event, encodeAnnotations({ alerts: [alert] }));
}
