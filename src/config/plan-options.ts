// What the configuration says of the guard, as the plan of a policy takes it.

import type { PlanOptions } from '../rules/plan.ts';
import type { Config } from './schema.ts';

export function planOptionsOf(guard: Config['guard']): PlanOptions {
  return {
    guardFilesystems: guard.filesystems,
    newMounts: guard.new_mounts,
    maxWaitMs: guard.max_wait_ms,
    defaults: guard.defaults,
    deadlineMiss: guard.deadline_miss,
    neverDenied: guard.never_denied,
  };
}
