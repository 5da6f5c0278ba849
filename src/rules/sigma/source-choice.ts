// Which sources of the mapping a rule is for. Where a field of the log source says which kind of record an event is
// (`type` of auditd), the rule is looked at once for each kind that it names, and once for all others.

import type { Platform } from '../../events/triggers.ts';
import { nearestName } from '../nearest.ts';
import type { Place } from '../rule-document.ts';
import type { Detection, Detections } from './detection.ts';
import type { Mapping, SourceMapping } from './field-mapping.ts';
import { namedValues } from './field-test.ts';
import { type Logsource, nameOfLogsource } from './logsource.ts';
import { SigmaError } from './sigma-error.ts';
import type { KnownField, KnownFields } from './target.ts';

/** The sources of a log source. Throws SigmaError where there is none. */
export function sourcesOf(logsource: Logsource, mapping: Mapping): Mapping {
  const found = mapping.filter(({ logsource: source, platforms }) => {
    if (source.category !== logsource.category) return false;
    if (
      logsource.service === undefined
        ? source.services.length > 0
        : !source.services.includes(logsource.service)
    ) {
      return false;
    }
    if (source.product === logsource.product) return true;
    if (source.product === undefined) return platforms.some((platform) => platform === logsource.product);
    return logsource.product === undefined && logsource.category !== undefined;
  });
  if (found.length > 0) return found;
  const meant = nearestSource(logsource, mapping);
  const hint = meant === undefined ? '' : `; did you mean ${meant}?`;
  throw new SigmaError('logsource', logsource.place, `Picket has no events of this log source${hint}`, {
    found: nameOfLogsource(logsource),
    expected: meant ?? 'one of Linux, macOS or DNS that the mapping names; a mapping file may name more',
  });
}

/** Of the same product, with another spelling of the rest. */
function nearestSource({ category, product, service }: Logsource, mapping: Mapping): string | undefined {
  const names = mapping.flatMap(({ logsource: source, platforms }) => {
    const isOfProduct =
      source.product === product ||
      (source.product === undefined && platforms.some((platform) => platform === product));
    if (!isOfProduct) return [];
    const services = source.services.length === 0 ? [undefined] : source.services;
    return services.map((one) =>
      nameOfLogsource({ category: source.category, product: undefined, service: one }),
    );
  });
  const meant = nearestName(nameOfLogsource({ category, product: undefined, service }), names);
  return meant === undefined ? undefined : [product, meant].filter(Boolean).join('/');
}

/** The platforms on which a rule may apply. */
export function platformsOf(logsource: Logsource, sources: Mapping): readonly Platform[] {
  const { product } = logsource;
  if (product === 'linux' || product === 'macos') return [product];
  return [...new Set(sources.flatMap(({ platforms }) => platforms))];
}

const OTHER = { other: true } as const;
const MAX_KINDS = 500;

/** Each combination of what the choosing fields may say, for as far as the rule names them. */
export function kindsOf(
  detections: readonly Detections[],
  sources: Mapping,
  place: Place,
): readonly KnownFields[] {
  const choosing = new Set(sources.flatMap(({ constants }) => [...constants.keys()]));
  const named = new Map<string, Set<string>>();
  const visit = (detection: Detection): void => {
    if (detection.kind !== 'test') {
      for (const part of detection.parts) visit(part);
      return;
    }
    const { field } = detection;
    if (field === undefined || !choosing.has(field)) return;
    const values = named.get(field) ?? new Set();
    named.set(field, values);
    for (const value of namedValues(detection)) values.add(value);
  };
  for (const one of detections) for (const detection of one.values()) visit(detection);
  let kinds: (readonly [string, KnownField])[][] = [[]];
  for (const [field, values] of named) {
    const choices: KnownField[] = [...values, OTHER];
    kinds = kinds.flatMap((kind) => choices.map((choice) => [...kind, [field, choice] as const]));
    if (kinds.length > MAX_KINDS) {
      throw new SigmaError('detection', place, 'this rule names too many kinds of records', {
        expected: `at most ${MAX_KINDS} combinations`,
      });
    }
  }
  return kinds.map((kind) => new Map(kind));
}

/** The sources that such events may come from, those that say most of them first; each with what is known in it. */
export function candidatesFor(
  kind: KnownFields,
  sources: Mapping,
  platform: Platform,
): readonly { readonly source: SourceMapping; readonly known: KnownFields }[] {
  return sources
    .filter(({ platforms, constants }) => {
      if (!platforms.includes(platform)) return false;
      // For rules that name no kind at all.
      if (constants.size === 0 && kind.size > 0) return false;
      return [...constants].every(([field, values]) => {
        const known = kind.get(field);
        return typeof known === 'string' && values.some((value) => value.toLowerCase() === known);
      });
    })
    .sort((a, b) => b.constants.size - a.constants.size)
    .map((source) => ({
      source,
      known: new Map([...kind].filter(([field]) => source.constants.has(field))),
    }));
}
