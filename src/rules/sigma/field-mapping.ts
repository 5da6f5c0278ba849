// Mapping files: which trigger a Sigma log source is, and which fact a field. Picket's own and those of users.

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { z } from 'zod';
import type { Platform, Trigger } from '../../events/triggers.ts';
import { reasonOf } from '../../system-error.ts';
import { isKnownTrigger } from '../known-triggers.ts';
import { parseRuleDocument, type RuleDocument } from '../rule-document.ts';
import { explainIssues } from '../schema-problems.ts';
import { checkFacts } from './mapping-facts.ts';
import { type fieldSchema, fileSchema, keysAt, type sourceSchema } from './mapping-schema.ts';
import type { SigmaProblem } from './sigma-error.ts';

/** A field inside of a text: what stands before and after it, and what one character of it may be. */
export interface WithinText {
  readonly before: string;
  readonly after: string;
  readonly any: string;
}

export interface FieldTarget {
  /** In ECS: `process.parent.executable`, `process.args[0]`. */
  readonly fact: string;
  /** Where values that are numbers are looked for, if not in `fact`. */
  readonly numbers: string | undefined;
  /** What Sigma's values are called here; others have no counterpart. */
  readonly values: ReadonlyMap<string, string | number | boolean> | undefined;
  readonly within: WithinText | undefined;
  /** No event of Picket has it, and why. */
  readonly absent: string | undefined;
  /** No event of the log source has it, whoever tells of it: nothing is lost. */
  readonly isNever: boolean;
  /** Why a rule that reads it is approximate. */
  readonly differs: string | undefined;
}

/** A fact as it is. */
export function plainTarget(fact: string): FieldTarget {
  return {
    fact,
    numbers: undefined,
    values: undefined,
    within: undefined,
    absent: undefined,
    isNever: false,
    differs: undefined,
  };
}

/** The facts that are "the whole event". */
interface KeywordFacts {
  readonly facts: readonly string[];
  /** What is missing from it. */
  readonly differs: string | undefined;
  /** The text of what is missing: a keyword that can't stand in it misses nothing. */
  readonly besides: string | undefined;
}

/** One kind of event that a Sigma log source has. */
export interface SourceMapping {
  readonly logsource: {
    readonly category: string | undefined;
    readonly product: string | undefined;
    readonly services: readonly string[];
  };
  readonly on: readonly Trigger[];
  readonly platforms: readonly Platform[];
  /** Fields that have one of these values in each such event; they choose between the sources of one log source. */
  readonly constants: ReadonlyMap<string, readonly string[]>;
  /** Facts that tell these events from others of the trigger. */
  readonly where: ReadonlyMap<string, readonly string[]>;
  /** The same by regular expressions, in which `{type}` is what the event's `type` is known to be. */
  readonly matching: ReadonlyMap<string, string>;
  /** A fact that each such event has, and other events of the trigger lack. */
  readonly present: string | undefined;
  readonly keywords: KeywordFacts | undefined;
  readonly differs: string | undefined;
  readonly fields: ReadonlyMap<string, FieldTarget>;
}

export type Mapping = readonly SourceMapping[];

const DEFAULT_MAPPING = join(import.meta.dirname, 'default-mapping.yaml');

/** Audit records as events of Picket's own: for --auditd events. */
export const AUDITD_EVENTS_MAPPING = join(import.meta.dirname, 'auditd-events-mapping.yaml');

/**
 * Picket's own mapping, changed by the user's files in their order: a source for the same log source, constants and
 * triggers adds to the fields and replaces the rest that it states; any other is a new one.
 */
export async function loadMapping(
  files: readonly string[],
  report: (problem: SigmaProblem) => void,
): Promise<Mapping> {
  let mapping: SourceMapping[] = [];
  for (const file of [DEFAULT_MAPPING, ...files]) {
    let content: string;
    try {
      content = await readFile(file, 'utf8');
    } catch (error) {
      const message = `this mapping can't be read: ${reasonOf(error)}`;
      report({ file, line: 0, column: 0, code: 'unreadable', message, severity: 'error' });
      continue;
    }
    mapping = mergeMappings(mapping, parseMapping(file, content, report));
  }
  return mapping;
}

export function parseMapping(
  file: string,
  content: string,
  report: (problem: SigmaProblem) => void,
): Mapping {
  const document = parseRuleDocument(file, content, report);
  if (document === undefined) return [];
  const parsed = fileSchema.safeParse(document.value);
  if (!parsed.success) {
    if (document.value === null || typeof document.value !== 'object' || Array.isArray(document.value)) {
      const message = 'a mapping file is a map with the key `sources`';
      report({ ...document.placeOf([]), code: 'file-shape', message, severity: 'error' });
    } else for (const problem of explainIssues(parsed.error.issues, document, [], keysAt)) report(problem);
    return [];
  }
  return parsed.data.sources.flatMap((source, index) => parseSource(source, index, document, report));
}

function parseSource(
  source: z.infer<typeof sourceSchema>,
  index: number,
  document: RuleDocument,
  report: (problem: SigmaProblem) => void,
): SourceMapping[] {
  const on: Trigger[] = [];
  for (const [at, trigger] of source.on.entries()) {
    if (isKnownTrigger(trigger)) on.push(trigger);
    else {
      report({
        ...document.placeOf(['sources', index, 'on', at]),
        code: 'unknown-trigger',
        message: `no trigger is named \`${trigger}\``,
        found: trigger,
        expected: 'notify.<action>, log, dns.query, dns.answer or flow',
        severity: 'error',
      });
    }
  }
  if (on.length < source.on.length) return [];
  const { category, product, service = [] } = source.logsource;
  const { keywords } = source;
  const parsed: SourceMapping = {
    logsource: { category, product, services: service },
    on,
    platforms: source.platforms,
    constants: new Map(Object.entries(source.constants ?? {})),
    where: new Map(Object.entries(source.where ?? {})),
    matching: new Map(Object.entries(source.matching ?? {})),
    present: source.present,
    keywords: keywordsOf(keywords),
    differs: source.differs,
    fields: new Map(Object.entries(source.fields ?? {}).map(([name, target]) => [name, fieldOf(target)])),
  };
  checkFacts(parsed, index, document, report);
  return [parsed];
}

function keywordsOf(keywords: z.infer<typeof sourceSchema>['keywords']): KeywordFacts | undefined {
  if (keywords === undefined) return undefined;
  if (Array.isArray(keywords)) return { facts: keywords, differs: undefined, besides: undefined };
  return { ...keywords, besides: keywords.besides };
}

function fieldOf(target: z.infer<typeof fieldSchema>): FieldTarget {
  if (typeof target === 'string') return plainTarget(target);
  if ('absent' in target) return { ...plainTarget(''), absent: target.absent };
  if ('never' in target) return { ...plainTarget(''), isNever: true };
  const { fact, numbers, values, within, differs } = target;
  return {
    ...plainTarget(fact),
    numbers,
    values: values && new Map(Object.entries(values)),
    within,
    differs,
  };
}

function mergeMappings(under: readonly SourceMapping[], over: Mapping): SourceMapping[] {
  const merged = [...under];
  const added: SourceMapping[] = [];
  for (const source of over) {
    const at = merged.findIndex((other) => keyOf(other) === keyOf(source));
    const before = merged[at];
    if (before === undefined) added.push(source);
    else {
      merged[at] = {
        ...source,
        where: source.where.size > 0 ? source.where : before.where,
        matching: source.matching.size > 0 ? source.matching : before.matching,
        present: source.present ?? before.present,
        keywords: source.keywords ?? before.keywords,
        differs: source.differs ?? before.differs,
        fields: new Map([...before.fields, ...source.fields]),
      };
    }
  }
  // The first source that fits counts: a user's goes before Picket's own.
  return [...added, ...merged];
}

function keyOf({ logsource, on, constants, platforms }: SourceMapping): string {
  return JSON.stringify([logsource, on, [...constants], platforms]);
}

/** A field by its name, `a1` by `a{n}` too, any by `{field}`. */
export function targetOf(source: SourceMapping, field: string): FieldTarget | undefined {
  const found = source.fields.get(field);
  if (found !== undefined) return found;
  const number = /^(.*?)(\d{1,3})$/.exec(field);
  const target = number && source.fields.get(`${number[1]}{n}`);
  if (target) return { ...target, fact: target.fact.replace('{n}', String(Number(number[2]))) };
  const any = source.fields.get('{field}');
  return any && { ...any, fact: any.fact.replace('{field}', field) };
}
