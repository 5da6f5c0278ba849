// Waits between attempts that grow, with jitter, so that a fleet that lost its server does not come back in step.

export interface Backoff {
  readonly firstMs: number;
  readonly maxMs: number;
}

/** The wait before attempt `attempt` (from 0): doubled each time up to the maximum, then half to the whole of it. */
export function backoffMs(backoff: Backoff, attempt: number, random: () => number = Math.random): number {
  const full = Math.min(backoff.maxMs, backoff.firstMs * 2 ** Math.min(attempt, 30));
  return full / 2 + (random() * full) / 2;
}
