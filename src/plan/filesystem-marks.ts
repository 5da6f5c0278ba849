// Linux: which filesystems would be marked, which of them a rule reaches, and what stays unguarded although a rule
// reaches it. fanotify has no marks for prefixes: one rule below a mount point means all of that filesystem.

import type { Trigger } from '../events/triggers.ts';
import type { TargetPath } from '../rules/target-paths.ts';
import { kindOfMount, type Mount, type MountKind } from './mounts.ts';
import type { RuleReach } from './target-selection.ts';

export interface MarkedFilesystem {
  readonly point: string;
  readonly type: string;
  readonly kind: Exclude<MountKind, 'kernel'>;
  readonly isGuarded: boolean;
  /** Why it is not guarded. */
  readonly reason: string | undefined;
  /** Rules that could match a file on it, by trigger; what can match anywhere matches here. */
  readonly reachedBy: readonly { readonly trigger: Trigger; readonly rules: readonly string[] }[];
}

export interface GuardChoice {
  /** As in the configuration: paths on filesystems, and `local`. */
  readonly filesystems: readonly string[];
}

/** @param reach of the triggers whose events come from marks */
export function markFilesystems(
  mounts: readonly Mount[],
  { filesystems }: GuardChoice,
  reach: ReadonlyMap<Trigger, readonly RuleReach[]>,
): readonly MarkedFilesystem[] {
  const isLocalGuarded = filesystems.includes('local');
  // A filesystem is marked as a whole, wherever it is mounted: devices count, not mount points.
  const named = new Set(
    filesystems.filter((name) => name !== 'local').flatMap((name) => mountOf(name, mounts)?.device ?? []),
  );
  const reached = reachedMounts(mounts, reach);
  return mounts.flatMap((mount) => {
    const kind = kindOfMount(mount);
    if (kind === 'kernel') return [];
    const reason = whyUnguarded(kind, named.has(mount.device), isLocalGuarded, filesystems.length === 0);
    const reachedBy = [...(reached.get(mount) ?? [])].map(([trigger, rules]) => ({
      trigger,
      rules: [...rules],
    }));
    const { point, type } = mount;
    return [{ point, type, kind, isGuarded: reason === undefined, reason, reachedBy }];
  });
}

type ReachedBy = Map<Trigger, Set<string>>;

function reachedMounts(
  mounts: readonly Mount[],
  reach: ReadonlyMap<Trigger, readonly RuleReach[]>,
): ReadonlyMap<Mount, ReachedBy> {
  const reached = new Map<Mount, ReachedBy>(mounts.map((mount) => [mount, new Map()]));
  for (const [trigger, rules] of reach) {
    for (const { rule, targets } of rules) {
      const touched = targets === undefined ? mounts : targets.flatMap((target) => mountsOf(target, mounts));
      for (const mount of touched) {
        const by = reached.get(mount);
        const names = by?.get(trigger) ?? new Set();
        by?.set(trigger, names.add(rule));
      }
    }
  }
  return reached;
}

/** Names of guard.filesystems that are on none of these mounts. */
export function unknownFilesystems(
  mounts: readonly Mount[],
  { filesystems }: GuardChoice,
): readonly string[] {
  return filesystems.filter((name) => name !== 'local' && mountOf(name, mounts) === undefined);
}

function whyUnguarded(
  kind: MountKind,
  isNamed: boolean,
  isLocalGuarded: boolean,
  isNothingNamed: boolean,
): string | undefined {
  if (kind === 'served') return 'its files are opened by another process or machine';
  if (kind === 'unknown') return 'its type is not known to be local';
  if (isNamed || isLocalGuarded) return undefined;
  return isNothingNamed ? 'guard.filesystems is empty' : 'guard.filesystems does not name it';
}

/** The mount on which a path lies. */
function mountOf(path: string, mounts: readonly Mount[]): Mount | undefined {
  let found: Mount | undefined;
  for (const mount of mounts) {
    if (isBelow(path, mount.point) && (found === undefined || mount.point.length > found.point.length))
      found = mount;
  }
  return found;
}

function isBelow(path: string, folder: string): boolean {
  return folder === '/' ? path.startsWith('/') : path === folder || path.startsWith(`${folder}/`);
}

/** Where such a path can lie: on the mount above it, and for a prefix on those that are mounted below. */
function mountsOf({ kind, path }: TargetPath, mounts: readonly Mount[]): readonly Mount[] {
  const above = mountOf(path, mounts);
  const below = kind === 'prefix' ? mounts.filter(({ point }) => `${point}/`.startsWith(path)) : [];
  return above === undefined ? below : [above, ...below];
}
