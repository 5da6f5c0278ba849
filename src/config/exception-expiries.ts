// When exceptions of the rules in force expire: one signal each time, without anybody loading the rules again.
import {
  asyncScheduler,
  defer,
  filter,
  map,
  NEVER,
  type Observable,
  repeat,
  type SchedulerLike,
  switchMap,
  timer,
} from 'rxjs';
import { nextExpiry } from '../rules/exceptions.ts';
import type { RuleSet } from '../rules/schema.ts';

/** The clock may be set, or the machine sleep: a timer alone would then be wrong by that much. */
const LOOK_MS = 60_000;

/** For each rule set the next of its expiries, and then those that follow while it stays. */
export function exceptionExpiries(
  sets: Observable<{ readonly ruleSet: RuleSet }>,
  scheduler: SchedulerLike = asyncScheduler,
): Observable<undefined> {
  return sets.pipe(switchMap(({ ruleSet }) => expiriesOf(ruleSet, scheduler)));
}

function expiriesOf(ruleSet: RuleSet, scheduler: SchedulerLike): Observable<undefined> {
  // From the beginning: one may have expired since the set was made.
  let sinceMs = Number.NEGATIVE_INFINITY;
  return defer(() => {
    const nextMs = nextExpiry(ruleSet, sinceMs);
    if (nextMs === undefined) return NEVER;
    const waitMs = Math.max(0, Math.min(nextMs - scheduler.now(), LOOK_MS));
    return timer(waitMs, scheduler).pipe(
      filter(() => scheduler.now() >= nextMs),
      map(() => {
        sinceMs = scheduler.now();
        return undefined;
      }),
    );
  }).pipe(repeat());
}
