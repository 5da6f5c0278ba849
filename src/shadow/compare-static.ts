// Requests that the bridge answered by a static verdict, which the auth lane never saw: the shadow set judges their
// audits. Passes every batch on as it is.
import { defer, type MonoTypeOperatorFunction, tap } from 'rxjs';
import type { ShadowSink } from '../auth/shadow-difference.ts';
import { SlowComparison } from '../auth/slow-comparison.ts';
import { EVENT_KIND } from '../events/triggers.ts';
import { readAuthAudit } from '../operators/auth-audit.ts';
import type { DecidedBatch } from '../operators/flow.ts';
import type { ShadowRules } from '../rules/shadow-rules.ts';

/** @param shadow in force now; asked once a batch */
export function compareStatic(
  shadow: () => ShadowRules | undefined,
  sink: ShadowSink,
): MonoTypeOperatorFunction<DecidedBatch> {
  return (source) =>
    defer(() => {
      const comparison = new SlowComparison(sink);
      return source.pipe(
        tap(({ events }) => {
          const set = shadow();
          if (set === undefined) return;
          for (const { kind, bytes, trigger } of events) {
            if (kind !== EVENT_KIND.auth) continue;
            const { isStatic, verdict, rule } = readAuthAudit(bytes);
            if (!isStatic) continue;
            const enforced = { verdict, rule: rule === '' ? undefined : rule };
            comparison.compare(set.rules, trigger, enforced, bytes);
          }
        }),
      );
    });
}
