// One Sigma rule, with the filters that are for it, as Picket's rules: one for each set of triggers that needs
// conditions of its own.

import type { Platform } from '../../events/triggers.ts';
import type { Place } from '../rule-document.ts';
import type { SigmaRule } from './document.ts';
import { emptyTextNotes } from './empty-texts.ts';
import { whereConditions } from './fact-name.ts';
import type { Mapping } from './field-mapping.ts';
import type { AppliedFilter } from './filters.ts';
import { allOf, anyOf, notOf, type Outcome } from './logic.ts';
import { type FoundPart, mergeParts, type PicketPart, partsOf } from './picket-part.ts';
import type { PlaceholderLists } from './placeholders.ts';
import { withPresentFact } from './present-fact.ts';
import { parseSearch, type Search, type SearchWarning, warningsOf } from './search.ts';
import { SigmaError } from './sigma-error.ts';
import { candidatesFor, kindsOf, platformsOf, sourcesOf } from './source-choice.ts';
import { describeKnown, type KnownFields, type Target } from './target.ts';
import { translate } from './to-conditions.ts';

export interface Translation {
  readonly parts: readonly PicketPart[];
  /** What the rule does otherwise than its words; none: it is exact. */
  readonly differs: readonly string[];
  readonly warnings: readonly SearchWarning[];
}

export interface TranslationOptions {
  readonly mapping: Mapping;
  readonly lists: PlaceholderLists;
  readonly filters: readonly AppliedFilter[];
  /** undefined: every platform. */
  readonly platform: Platform | undefined;
}

/** Throws SigmaError. undefined: the rule is for another platform than the one asked for. */
export function toPicket(rule: SigmaRule, options: TranslationOptions): Translation | undefined {
  const sources = sourcesOf(rule.logsource, options.mapping);
  const search = parseSearch(rule, options.lists);
  const platforms = platformsOf(rule.logsource, sources).filter(
    (platform) => options.platform === undefined || platform === options.platform,
  );
  if (platforms.length === 0) return undefined;
  const differs = new Set<string>();
  const parts: PicketPart[] = [];
  let failure: SigmaError | undefined;
  for (const platform of platforms) {
    try {
      const found = translateOn(platform, rule, search, sources, options);
      parts.push(...found);
      for (const part of found) for (const reason of part.differs) differs.add(reason);
    } catch (error) {
      if (!(error instanceof SigmaError)) throw error;
      failure ??= error;
      differs.add(`not on ${platform}: ${error.message}`);
    }
  }
  if (parts.length === 0) throw failure ?? neverTrue(rule);
  return { parts: mergeParts(parts), differs: [...differs], warnings: warningsOf(search) };
}

function neverTrue(rule: SigmaRule): SigmaError {
  return new SigmaError('condition', rule.place, 'no event that Picket has can match this rule', {
    expected: 'a condition that one event can meet; what several say together is a correlation',
  });
}

function translateOn(
  platform: Platform,
  rule: SigmaRule,
  search: Search,
  sources: Mapping,
  options: TranslationOptions,
): PicketPart[] {
  const { filters } = options;
  const outcomeFor = (target: Target): Outcome =>
    allOf([
      () =>
        anyOf(
          search.conditions.map(
            ({ condition, place }) =>
              () =>
                translate(condition, search.detections, place, target),
          ),
        ),
      ...filters.map((filter) => () => {
        const truth = translate(filter.condition, filter.detections, filter.place, target);
        return filter.excludes ? notOf(truth) : truth;
      }),
    ]);
  const all = [search.detections, ...filters.map(({ detections }) => detections)];
  const kinds = kindsOf(all, sources, rule.logsource.place);
  try {
    const found: FoundPart[] = [];
    for (const known of kinds) {
      if (isImpossible(known, platform, outcomeFor)) continue;
      const part = firstThatFits(rule, known, sources, platform, outcomeFor);
      if (part !== undefined) found.push(part);
    }
    return partsOf(found, platform);
  } catch (error) {
    if (!(error instanceof SigmaError) || candidatesFor(NOTHING, sources, platform).length === 0) throw error;
    // One source for all of its events, where one kind has none of its own.
    const whole = firstThatFits(rule, NOTHING, sources, platform, outcomeFor);
    return partsOf(whole === undefined ? [] : [whole], platform);
  }
}

const NOTHING: KnownFields = new Map();

/** Whether no such event matches, whatever else it holds. */
function isImpossible(
  known: KnownFields,
  platform: Platform,
  outcomeFor: (target: Target) => Outcome,
): boolean {
  try {
    return outcomeFor({ source: undefined, platform, known, differs: () => undefined }) === false;
  } catch (error) {
    if (error instanceof SigmaError) return false;
    throw error;
  }
}

/** undefined: it never matches there. */
function firstThatFits(
  rule: SigmaRule,
  kind: KnownFields,
  sources: Mapping,
  platform: Platform,
  outcomeFor: (target: Target) => Outcome,
): FoundPart | undefined {
  let failure: SigmaError | undefined;
  for (const { source, known } of candidatesFor(kind, sources, platform)) {
    const own = new Set<string>();
    try {
      const outcome = allOf([
        ...whereConditions(source, known, platform, rule.logsource.place).map((where) => () => where),
        () => outcomeFor({ source, platform, known, differs: (reason) => own.add(reason) }),
      ]);
      if (outcome === false) return undefined;
      const condition = outcome === true ? { all: [] } : outcome;
      for (const note of outcome === true ? [] : emptyTextNotes(outcome)) own.add(note);
      if (source.differs !== undefined) own.add(source.differs);
      return { on: source.on, condition: withPresentFact(condition, source, platform), differs: [...own] };
    } catch (error) {
      if (!(error instanceof SigmaError)) throw error;
      failure ??= error;
    }
  }
  if (failure !== undefined) throw isUntold(kind, sources, platform) ? untold(kind, failure.place) : failure;
  // It has no source: what it would need says which events are meant.
  outcomeFor({ source: undefined, platform, known: kind, differs: () => undefined });
  throw untold(kind, rule.logsource.place);
}

/** Something is known of such events that no source knows: which system call a record is of. */
function isUntold(kind: KnownFields, sources: Mapping, platform: Platform): boolean {
  const candidates = candidatesFor(kind, sources, platform);
  return [...kind].some(
    ([field, value]) => typeof value === 'string' && !candidates.some(({ known }) => known.has(field)),
  );
}

function untold(kind: KnownFields, place: Place): SigmaError {
  const events = kind.size === 0 ? 'all events that this rule is for' : `events with ${describeKnown(kind)}`;
  return new SigmaError('logsource', place, `no trigger tells of ${events}`);
}
