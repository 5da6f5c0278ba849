// How it looks to a person where events come from: target paths on macOS, filesystems on Linux.
import { displayText } from '../../events/text.ts';
import type { PlanReport } from '../../plan/report.ts';
import { firstOf, type Section, section, shortNames, table } from './plan-section.ts';

export function targetsSection({ targets }: PlanReport): Section | undefined {
  if (targets === undefined) return undefined;
  const { selected, whole } = targets;
  const lines = table(
    selected.map(({ kind, path, triggers }) => [
      kind === 'prefix' ? 'begins with' : 'is',
      displayText(path),
      triggers.join(', '),
    ]),
  );
  if (selected.length === 0 && whole.length > 0) lines.push('nothing can be selected; muting stays as it is');
  for (const { trigger, rules } of whole) {
    if (rules.length === 0) continue;
    const names = rules.length === 1 ? 'names' : 'name';
    lines.push(
      `${trigger} comes of every path: ${shortNames(rules, 3)} ${names} no whole path and no prefix that must hold`,
    );
  }
  const pathless = whole.filter(({ rules }) => rules.length === 0).map(({ trigger }) => trigger);
  if (pathless.length > 0) lines.push(`not about a file, so all of them come: ${pathless.join(', ')}`);
  return section('Target paths (by inverted muting the kernel sends events of these files alone)', lines);
}

const FILESYSTEMS_SHOWN = 12;

export function filesystemsSection({ filesystems }: PlanReport): Section | undefined {
  if (filesystems === undefined || filesystems.needs.length === 0) return undefined;
  const { guard, newMounts, mounted, missing, needs, idle } = filesystems;
  const lines = needs.map(({ trigger, paths, rules }) => {
    const where = paths === 'anywhere' ? 'a file anywhere' : shortNames(paths);
    return `${trigger} needs a mark: ${where} (${shortNames(rules, 3)})`;
  });
  if (mounted === undefined)
    lines.push('which filesystems there are is not known here; --mounts FILE tells it');
  const marked: string[] = [];
  const unguarded: string[] = [];
  for (const { point, type, isGuarded, reason, reachedBy } of mounted ?? []) {
    const what = `${displayText(point)} (${displayText(type)})`;
    const rules = [...new Set(reachedBy.flatMap((reach) => reach.rules))];
    if (isGuarded && rules.length === 0) marked.push(`${what} may be guarded, and no rule reaches it`);
    else if (isGuarded) marked.push(`${what} would be marked for ${shortNames(rules, 2)}`);
    else if (rules.length > 0)
      unguarded.push(`${what} stays unguarded: ${reason}; in reach of ${shortNames(rules, 2)}`);
  }
  lines.push(...firstOf(marked, FILESYSTEMS_SHOWN), ...firstOf(unguarded, FILESYSTEMS_SHOWN));
  for (const name of missing)
    lines.push(`${displayText(name)} of guard.filesystems is on no mounted filesystem`);
  if (idle.length > 0) {
    const idleNames = [...new Set(idle.map(({ trigger, rule }) => `${rule} (${trigger})`))];
    lines.push(`so on this host no event reaches: ${shortNames(idleNames)}`);
  }
  const named = guard.length === 0 ? 'none' : guard.map(displayText).join(', ');
  return section(`Filesystems (guard.filesystems: ${named}; new mounts: ${newMounts})`, lines);
}
