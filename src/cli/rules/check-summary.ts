// What findings come to: their numbers for people and programs.
import { FINDING_KINDS } from '../../rules/finding-codes.ts';
import type { RuleProblem } from '../../rules/rule-problem.ts';
import { counted, painterFor, say } from '../output.ts';

export function jsonReport(
  rules: number,
  files: readonly string[],
  findings: readonly RuleProblem[],
): object {
  const counts: Record<string, number> = {};
  for (const { code } of findings) counts[code] = (counts[code] ?? 0) + 1;
  return {
    rules,
    errors: countOf(findings, 'error'),
    warnings: countOf(findings, 'warning'),
    notes: countOf(findings, 'note'),
    failures: findings.filter(({ code }) => FINDING_KINDS[code].isFailure).length,
    counts,
    files,
    findings: findings.map(({ fix, ...finding }) => ({ ...finding, fixable: fix !== undefined })),
  };
}

export function countOf(findings: readonly RuleProblem[], severity: RuleProblem['severity']): number {
  return findings.filter((finding) => finding.severity === severity).length;
}

export function sayCounts(
  rules: number,
  files: number,
  findings: readonly RuleProblem[],
  options: { readonly notes?: boolean; readonly fix?: boolean },
): void {
  const paint = painterFor(process.stderr);
  const [errors, warnings, notes] = [
    countOf(findings, 'error'),
    countOf(findings, 'warning'),
    countOf(findings, 'note'),
  ];
  const shown = findings.filter(({ severity }) => severity !== 'note' || options.notes);
  for (const line of countsByCode(shown)) say(paint('dim', line));
  const summary = `${counted(rules, 'good rule')} in ${counted(files, 'file')}, ${counted(errors, 'error')}, ${counted(warnings, 'warning')}`;
  const more = notes > 0 ? `, ${counted(notes, 'note')}${options.notes ? '' : ' (--notes shows them)'}` : '';
  say(paint(errors > 0 ? 'red' : warnings > 0 ? 'yellow' : 'green', summary + more));
  const fixable = findings.filter(({ fix }) => fix !== undefined).length;
  if (fixable > 0 && !options.fix) say(`${counted(fixable, 'finding')} can be mended by --fix`);
  const [first] = shown;
  if (first !== undefined) say(`picket rules check --explain ${first.code} says more about a finding`);
}

/** With one kind alone the sum says it. */
function countsByCode(findings: readonly RuleProblem[]): string[] {
  const counts = new Map<string, number>();
  for (const { code } of findings) counts.set(code, (counts.get(code) ?? 0) + 1);
  if (counts.size < 2) return [];
  return [...counts]
    .sort((a, b) => b[1] - a[1])
    .map(([code, count]) => `${String(count).padStart(6)} ${code}`);
}
