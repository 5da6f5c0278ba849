// Sigma files in, rule files out, with an account of every document. Nothing is read or written here.

import type { Platform } from '../../events/triggers.ts';
import { FormatError, formatRules } from '../format/format.ts';
import { parseSigma, type SigmaDocument, type SigmaRule } from './document.ts';
import type { Mapping } from './field-mapping.ts';
import { isFor, type ParsedFilter, parseFilter } from './filters.ts';
import { generateTests } from './generated-tests.ts';
import { nameOfLogsource } from './logsource.ts';
import type { PicketPart } from './picket-part.ts';
import type { PlaceholderLists } from './placeholders.ts';
import { type Outcome, type ReportEntry, reportOf, type SigmaReport } from './report.ts';
import { ruleName } from './rule-name.ts';
import { stringifyRules, type WrittenRule, writtenRule } from './rule-output.ts';
import type { SigmaProblem } from './sigma-error.ts';
import { problemsOf, SigmaError } from './sigma-error.ts';
import { toPicket } from './to-picket.ts';

/** Those of Sigma's specification. */
export const STATUSES: readonly string[] = ['stable', 'test', 'experimental', 'deprecated', 'unsupported'];

export interface SigmaText {
  readonly file: string;
  readonly text: string;
  /** Where its rules are to be written, relative to the folder. */
  readonly output: string;
}

export interface ImportOptions {
  readonly mapping: Mapping;
  readonly lists: PlaceholderLists;
  readonly platform: Platform | undefined;
  /** Rules of other statuses are left out; one without any is imported. */
  readonly statuses: readonly string[];
  onProgress?(done: number, of: number): void;
}

export interface ImportResult {
  readonly report: SigmaReport;
  readonly files: readonly { readonly output: string; readonly text: string; readonly rules: number }[];
  /** Of filters, which are no rules: mistakes in them, and those that no rule wants. */
  readonly problems: readonly SigmaProblem[];
}

export async function importSigma(
  texts: readonly SigmaText[],
  options: ImportOptions,
): Promise<ImportResult> {
  const parsed = texts.map((text) => ({ ...text, documents: parseSigma(text.file, text.text) }));
  const problems: SigmaProblem[] = [];
  const filters = parsed
    .flatMap(({ documents }) => documents)
    .flatMap((document): ParsedFilter[] => {
      if (document.kind !== 'filter') return [];
      try {
        const filter = parseFilter(document, options.lists);
        if ('error' in filter) problems.push(...problemsOf(filter.error));
        return [filter];
      } catch (error) {
        if (!(error instanceof SigmaError)) throw error;
        problems.push(...problemsOf(error));
        return [];
      }
    });
  const used = new Set<ParsedFilter>();
  const names = new Map<string, string>();
  const entries: ReportEntry[] = [];
  const files: { output: string; text: string; rules: number }[] = [];
  for (const [index, { file, output, documents }] of parsed.entries()) {
    const written: WrittenRule[] = [];
    const licenses = new Set<string>();
    for (const document of documents) {
      if (document.kind === 'filter') continue;
      const entry = await importDocument(document, file, filters, used, names, options);
      entries.push(entry.entry);
      written.push(...entry.written);
      if (entry.written.length > 0 && document.kind === 'rule' && document.license !== undefined) {
        licenses.add(document.license);
      }
    }
    if (written.length > 0) {
      const text = formatted(output, stringifyRules(written, file, [...licenses]));
      files.push({ output, text, rules: written.length });
    }
    options.onProgress?.(index + 1, parsed.length);
  }
  for (const filter of filters) {
    if (used.has(filter)) continue;
    problems.push({
      ...filter.document.place,
      code: 'sigma-unused-filter',
      message: `the filter "${filter.document.title}" is for none of the rules at hand`,
      found: filter.rules?.join(', '),
      severity: 'warning',
    });
  }
  return { report: reportOf(entries, filters.length), files, problems };
}

/** As `rules fmt` writes it. What that can't write otherwise is a good rule file all the same. */
function formatted(file: string, text: string): string {
  try {
    return formatRules(file, text, () => undefined) ?? text;
  } catch (error) {
    if (error instanceof FormatError) return text;
    throw error;
  }
}

interface Imported {
  readonly entry: ReportEntry;
  readonly written: readonly WrittenRule[];
}

async function importDocument(
  document: Exclude<SigmaDocument, { readonly kind: 'filter' }>,
  file: string,
  filters: readonly ParsedFilter[],
  used: Set<ParsedFilter>,
  names: Map<string, string>,
  options: ImportOptions,
): Promise<Imported> {
  const entryOf = (outcome: Outcome, extra: Partial<ReportEntry> = {}): ReportEntry => ({
    file,
    line: document.kind === 'broken' ? document.error.place.line : document.place.line,
    title: document.title,
    id: document.id,
    logsource: document.kind === 'rule' ? nameOfLogsource(document.logsource) : undefined,
    outcome,
    rules: [],
    tests: 0,
    warnings: [],
    ...extra,
  });
  if (document.kind === 'broken') {
    return { entry: entryOf({ kind: 'refused', problems: problemsOf(document.error) }), written: [] };
  }
  if (document.kind === 'correlation') {
    const reason = 'Sigma correlations are not yet supported';
    return { entry: entryOf({ kind: 'unsupported', reason }), written: [] };
  }
  const { status } = document;
  if (status !== undefined && !STATUSES.includes(status.toLowerCase())) {
    const error = new SigmaError('document', document.place, 'this status is not known', {
      found: status,
      expected: STATUSES.join(', '),
    });
    return { entry: entryOf({ kind: 'refused', problems: problemsOf(error) }), written: [] };
  }
  if (status !== undefined && !options.statuses.includes(status.toLowerCase())) {
    return { entry: entryOf({ kind: 'skipped', reason: `its status is ${status}` }), written: [] };
  }
  try {
    const own = filters.filter((filter) => isFor(filter, document));
    for (const filter of own) used.add(filter);
    return await importRule(document, own, names, options, entryOf);
  } catch (error) {
    if (!(error instanceof SigmaError)) throw error;
    return { entry: entryOf({ kind: 'refused', problems: problemsOf(error) }), written: [] };
  }
}

async function importRule(
  rule: SigmaRule,
  filters: readonly ParsedFilter[],
  names: Map<string, string>,
  options: ImportOptions,
  entryOf: (outcome: Outcome, extra?: Partial<ReportEntry>) => ReportEntry,
): Promise<Imported> {
  const applied = filters.map((filter) => {
    if (!('error' in filter)) return filter.filter;
    const message = `the filter "${filter.document.title}" is for this rule and can't be read: ${filter.error.message}`;
    throw new SigmaError('filter', rule.place, message, { found: filter.error.found });
  });
  const translation = toPicket(rule, { ...options, filters: applied });
  if (translation === undefined) {
    return { entry: entryOf({ kind: 'skipped', reason: 'it is for another platform' }), written: [] };
  }
  const { parts, differs } = translation;
  const written: WrittenRule[] = [];
  let tests = 0;
  const own = namesOf(rule, parts);
  for (const name of own) {
    const other = names.get(name);
    if (other === undefined) continue;
    throw new SigmaError('duplicate', rule.place, `this rule is here twice; the other one is at ${other}`, {
      found: name,
    });
  }
  for (const [index, part] of parts.entries()) {
    const name = own[index] ?? ruleName(rule);
    const write = (some: readonly unknown[]): WrittenRule => writtenRule(rule, name, part, some);
    const made = await generateTests(write, rule.place);
    tests += made.length;
    written.push(write(made));
  }
  for (const name of own) names.set(name, `${rule.place.file}:${rule.place.line}`);
  const warnings = translation.warnings.map(
    ({ code, place, message }): SigmaProblem => ({ ...place, code, message, severity: 'warning' }),
  );
  const outcome: Outcome = differs.length === 0 ? { kind: 'exact' } : { kind: 'approximate', differs };
  return { entry: entryOf(outcome, { rules: own, tests, warnings }), written };
}

/** One name, or one for each part, told apart by trigger, platform, number: whatever is enough. */
function namesOf(rule: SigmaRule, parts: readonly PicketPart[]): readonly string[] {
  const base = ruleName(rule);
  if (parts.length === 1) return [base];
  const names = new Set<string>();
  for (const { on, platforms } of parts) {
    const trigger = (on[0] ?? '').replace(/^notify\./, '').replace(/[^a-z0-9]+/gi, '-');
    const choices = [`${base}-${trigger}`, `${base}-${trigger}-${platforms.join('-')}`];
    names.add(choices.find((name) => !names.has(name)) ?? `${base}-${names.size + 1}`);
  }
  return [...names];
}
