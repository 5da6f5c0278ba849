// macOS: which events the kernel is told to send at all. Muting of target paths, inverted, selects instead: an event
// comes only if one of its targets is selected for its type. The inversion is the client's as a whole, so what can't be
// narrowed has to be asked for by a client of its own.
//
// That every type below has a target path, and that an event of several is selected by any of them, says Apple's
// ESClient.h (es_mute_path, es_invert_muting).

import { actionOfTrigger, type Trigger } from '../events/triggers.ts';
import { type TargetPath, withoutCovered } from '../rules/target-paths.ts';

interface SelectedPath extends TargetPath {
  readonly triggers: readonly Trigger[];
}

export interface TargetSelection {
  /** Sent only for these paths, by a client whose target-path muting is inverted. */
  readonly selected: readonly SelectedPath[];
  /** Sent for every path. */
  readonly whole: readonly WholeTrigger[];
}

interface WholeTrigger {
  readonly trigger: Trigger;
  /** Rules that match on no known path; none: events of this type have no target path. */
  readonly rules: readonly string[];
}

/** What one rule needs of a trigger; `targets` undefined: events of any path. */
export interface RuleReach {
  readonly rule: string;
  readonly targets: readonly TargetPath[] | undefined;
}

export function selectTargets(reach: ReadonlyMap<Trigger, readonly RuleReach[]>): TargetSelection {
  const whole: WholeTrigger[] = [];
  const byPath = new Map<string, SelectedPath>();
  for (const [trigger, rules] of reach) {
    if (!hasTargetPath(trigger)) {
      whole.push({ trigger, rules: [] });
      continue;
    }
    const anywhere = rules.filter(({ targets }) => targets === undefined);
    if (anywhere.length > 0) {
      whole.push({ trigger, rules: anywhere.map(({ rule }) => rule) });
      continue;
    }
    for (const target of withoutCovered(rules.flatMap(({ targets }) => targets ?? []))) {
      const key = `${target.kind} ${target.path}`;
      const triggers = [...(byPath.get(key)?.triggers ?? []), trigger];
      byPath.set(key, { ...target, triggers });
    }
  }
  return { selected: [...byPath.values()], whole };
}

/** Types whose target is the file that Picket calls `file` (or, in exec, the new image). */
const WITH_TARGET_PATH: ReadonlySet<string> = new Set([
  'exec',
  'open',
  'mmap',
  'rename',
  'unlink',
  'close',
  'create',
  'link',
  'setattrlist',
  'setextattr',
  'setflags',
  'setmode',
  'setowner',
  'write',
  'readlink',
  'truncate',
  'chdir',
  'getattrlist',
  'stat',
  'access',
  'chroot',
  'utimes',
  'clone',
  'fcntl',
  'getextattr',
  'listextattr',
  'readdir',
  'deleteextattr',
  'dup',
  'uipc_bind',
  'uipc_connect',
  'exchangedata',
  'setacl',
  'searchfs',
  'copyfile',
]);

function hasTargetPath(trigger: Trigger): boolean {
  return WITH_TARGET_PATH.has(actionOfTrigger(trigger) ?? '');
}
