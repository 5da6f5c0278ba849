// A value of a Sigma detection, as written and as its modifiers have made it.

import type { RegexFlag } from './regular-expression.ts';
import type { TextPattern } from './text-pattern.ts';

export type Comparison = 'lt' | 'lte' | 'gt' | 'gte';
export type TimeUnit = 'minute' | 'hour' | 'day' | 'week' | 'month' | 'year';

export type SigmaValue =
  /** `source`: as written, for modifiers that take it whole (regular expressions, networks). */
  | {
      readonly kind: 'text';
      readonly pattern: TextPattern;
      readonly isCased: boolean;
      readonly source: string;
    }
  | { readonly kind: 'number'; readonly value: number | bigint }
  | { readonly kind: 'boolean'; readonly value: boolean }
  | { readonly kind: 'null' }
  /** Of the UTF-16 modifiers. */
  | { readonly kind: 'bytes'; readonly bytes: Uint8Array }
  | { readonly kind: 'regex'; readonly source: string; readonly flags: ReadonlySet<RegexFlag> }
  | { readonly kind: 'cidr'; readonly network: string }
  | { readonly kind: 'exists'; readonly value: boolean }
  | { readonly kind: 'compare'; readonly comparison: Comparison; readonly value: number | bigint }
  | {
      readonly kind: 'reference';
      readonly field: string;
      readonly isCased: boolean;
      readonly isOpenStart: boolean;
      readonly isOpenEnd: boolean;
    }
  | {
      readonly kind: 'time';
      readonly unit: TimeUnit;
      readonly comparison: Comparison | 'eq';
      readonly value: number;
    }
  /** One value that became several, any of which will do. */
  | { readonly kind: 'alternatives'; readonly values: readonly SigmaValue[] };
