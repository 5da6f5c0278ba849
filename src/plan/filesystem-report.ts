// Linux: what the plan says of filesystems: where rules need marks, what would be marked, what stays unguarded, and which
// rules therefore see nothing.

import type { Trigger } from '../events/triggers.ts';
import { type MarkedFilesystem, markFilesystems, unknownFilesystems } from './filesystem-marks.ts';
import type { Mount } from './mounts.ts';
import type { RuleReach } from './target-selection.ts';

export interface FilesystemReport {
  readonly guard: readonly string[];
  readonly newMounts: string;
  /** undefined: not known, for another host is planned for. */
  readonly mounted: readonly MarkedFilesystem[] | undefined;
  /** Of `guard`: on no mounted filesystem. */
  readonly missing: readonly string[];
  /** Rules that no event reaches on this host: all that they could match lies on what is unguarded. */
  readonly idle: readonly { readonly trigger: Trigger; readonly rule: string }[];
  /** Triggers whose events come from marks alone, and where their rules can match. */
  readonly needs: readonly {
    readonly trigger: Trigger;
    readonly paths: readonly string[] | 'anywhere';
    readonly rules: readonly string[];
  }[];
}

export interface FilesystemOptions {
  /** As in the configuration. */
  readonly guardFilesystems: readonly string[];
  readonly newMounts?: string;
  /** Of the host that is planned for; undefined: not known. */
  readonly mounts?: readonly Mount[] | undefined;
}

/** Without a mark on its filesystem there is no such event (Linux); programs that start and end are told in any case. */
const FROM_MARKS: ReadonlySet<string> = new Set([
  'auth.exec',
  'auth.open',
  'notify.open',
  'notify.close',
  'notify.create',
  'notify.attrib',
  'notify.rename',
  'notify.unlink',
]);

export function reportFilesystems(
  all: ReadonlyMap<Trigger, readonly RuleReach[]>,
  options: FilesystemOptions,
): FilesystemReport {
  const reach = new Map([...all].filter(([trigger]) => FROM_MARKS.has(trigger)));
  const guard = { filesystems: options.guardFilesystems };
  const { mounts } = options;
  const mounted = mounts && markFilesystems(mounts, guard, reach);
  return {
    guard: options.guardFilesystems,
    newMounts: options.newMounts ?? 'report',
    mounted,
    idle: mounted === undefined ? [] : idleRules(mounted, reach),
    missing: mounts === undefined ? [] : unknownFilesystems(mounts, guard),
    needs: [...reach].map(([trigger, rules]) => ({
      trigger,
      paths: rules.some(({ targets }) => targets === undefined)
        ? ('anywhere' as const)
        : rules.flatMap(({ targets }) =>
            (targets ?? []).map(({ kind, path }) => (kind === 'prefix' ? `${path}…` : path)),
          ),
      rules: rules.map(({ rule }) => rule),
    })),
  };
}

function idleRules(
  mounted: readonly MarkedFilesystem[],
  reach: ReadonlyMap<Trigger, readonly RuleReach[]>,
): { trigger: Trigger; rule: string }[] {
  const reached = new Set(
    mounted
      .filter(({ isGuarded }) => isGuarded)
      .flatMap(({ reachedBy }) =>
        reachedBy.flatMap(({ trigger, rules }) => rules.map((rule) => `${trigger} ${rule}`)),
      ),
  );
  return [...reach].flatMap(([trigger, rules]) =>
    rules.filter(({ rule }) => !reached.has(`${trigger} ${rule}`)).map(({ rule }) => ({ trigger, rule })),
  );
}
