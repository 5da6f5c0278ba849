// For which events a rule is translated: those of one source on one platform, and what is known of them.

import type { Platform } from '../../events/triggers.ts';
import type { SourceMapping } from './field-mapping.ts';

/** `other`: none of the values that the rule names. */
export type KnownField = string | { readonly other: true };
export type KnownFields = ReadonlyMap<string, KnownField>;

export interface Target {
  /** undefined: events that no source has; only what is known of them can be decided. */
  readonly source: SourceMapping | undefined;
  readonly platform: Platform;
  readonly known: KnownFields;
  differs(reason: string): void;
}

export function describeKnown(known: KnownFields): string {
  return [...known]
    .map(([field, value]) => `${field} ${typeof value === 'string' ? value : 'of any other kind'}`)
    .join(', ');
}
