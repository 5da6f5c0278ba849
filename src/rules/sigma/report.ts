// What became of every Sigma document, and how many of each.

import type { SigmaProblem } from './sigma-error.ts';

export type Outcome =
  | { readonly kind: 'exact' }
  | { readonly kind: 'approximate'; readonly differs: readonly string[] }
  /** All that is wrong with it; the first says why it is counted as it is. */
  | { readonly kind: 'refused'; readonly problems: readonly [SigmaProblem, ...SigmaProblem[]] }
  /** Left out on purpose: its status, or a platform that was not asked for. */
  | { readonly kind: 'skipped'; readonly reason: string }
  | { readonly kind: 'unsupported'; readonly reason: string };

export interface ReportEntry {
  readonly file: string;
  readonly line: number;
  readonly title: string | undefined;
  readonly id: string | undefined;
  readonly logsource: string | undefined;
  readonly outcome: Outcome;
  /** The names of the rules that it became. */
  readonly rules: readonly string[];
  readonly tests: number;
  readonly warnings: readonly SigmaProblem[];
}

export interface SigmaCounts {
  readonly rules: number;
  readonly exact: number;
  readonly approximate: number;
  readonly refused: number;
  readonly skipped: number;
  readonly filters: number;
  readonly correlations: number;
  /** Of the refused: by the code of the problem. */
  readonly refusedBy: Readonly<Record<string, number>>;
}

export interface SigmaReport {
  readonly version: 1;
  readonly counts: SigmaCounts;
  readonly entries: readonly ReportEntry[];
}

export function reportOf(entries: readonly ReportEntry[], filters: number): SigmaReport {
  const count = (kind: Outcome['kind']): number =>
    entries.filter(({ outcome }) => outcome.kind === kind).length;
  const refusedBy: Record<string, number> = {};
  for (const { outcome } of entries) {
    if (outcome.kind !== 'refused') continue;
    const { code } = outcome.problems[0];
    refusedBy[code] = (refusedBy[code] ?? 0) + 1;
  }
  const correlations = count('unsupported');
  return {
    version: 1,
    counts: {
      rules: entries.length - correlations,
      exact: count('exact'),
      approximate: count('approximate'),
      refused: count('refused'),
      skipped: count('skipped'),
      filters,
      correlations,
      refusedBy,
    },
    entries,
  };
}
