// How much an event matters when not all can be kept. The lowest class gives way first.
import { EVENT_KIND } from '../events/triggers.ts';
import type { FlowEvent } from './flow.ts';

/** 0: denies, alerts, Picket's own · 1: other auth audits · 2: processes, DNS, flows · 3: files and logs */
export const CLASS_COUNT = 4;

/** Life and rights of processes: few, and what an investigation starts from. File events outnumber them by far. */
const PROCESS_ACTIONS = new Set([
  'exec',
  'fork',
  'exit',
  'signal',
  'setuid',
  'setgid',
  'seteuid',
  'setegid',
  'setreuid',
  'setregid',
  'sudo',
  'su',
  'authentication',
  'btm_launch_item_add',
  'xp_malware_detected',
  'kextload',
  'remote_thread_create',
  'tcc_modify',
]);

export function priorityClassOf({ kind, action, decision }: FlowEvent): number {
  if (kind === EVENT_KIND.picket || decision?.hasAlerts || decision?.verdict === 'deny') return 0;
  if (kind === EVENT_KIND.auth) return 1;
  if (kind === EVENT_KIND.notify) return PROCESS_ACTIONS.has(action) ? 2 : 3;
  return kind === EVENT_KIND.log ? 3 : 2;
}
