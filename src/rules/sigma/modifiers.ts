// Sigma's modifiers: what each makes of a value, applied from left to right.

import { isIP } from 'node:net';
import { parseNetwork } from '../cidr.ts';
import { didYouMean, nearestName } from '../nearest.ts';
import type { Place } from '../rule-document.ts';
import { oneOf } from '../rule-problem.ts';
import { base64, base64AtEachOffset, utf16, utf16be, utf16le } from './encodings.ts';
import { expand } from './expand-modifier.ts';
import {
  alternatives,
  bytesOf,
  fromText,
  type ModifierContext,
  misfit,
  type TextValue,
  textOf,
  textOfUtf16,
  wordsOf,
} from './modifier-values.ts';
import { comparison, type Modify, timeUnit } from './number-modifiers.ts';
import { anchorEnd, anchorStart, type RegexFlag } from './regular-expression.ts';
import { SigmaError } from './sigma-error.ts';
import { openEnd, openStart } from './text-pattern.ts';
import type { SigmaValue } from './value.ts';
import { MAX_DASHES, withEachDash } from './windows-dash.ts';

/** Of the whole list of values rather than of each. */
export const LIST_MODIFIERS: ReadonlySet<string> = new Set(['all', 'neq']);

export const VALUE_MODIFIERS: ReadonlyMap<string, Modify> = new Map<string, Modify>([
  ['contains', (value, context) => open(value, context, true, true, 'contains')],
  ['startswith', (value, context) => open(value, context, false, true, 'startswith')],
  ['endswith', (value, context) => open(value, context, true, false, 'endswith')],
  ['exists', exists],
  ['cased', cased],
  ['windash', (value, context) => alternatives(dashes(textOf(value, context, 'windash'), context))],
  ['re', regex],
  ...flag('i', 'ignorecase'),
  ...flag('m', 'multiline'),
  ...flag('s', 'dotall'),
  ['base64', (value, context) => fromText(base64(bytesOf(value, context, 'base64')))],
  [
    'base64offset',
    (value, context) =>
      alternatives(base64AtEachOffset(bytesOf(value, context, 'base64offset')).map(fromText)),
  ],
  ['utf16le', (value, context) => ({ kind: 'bytes', bytes: utf16le(wordsOf(value, context, 'utf16le')) })],
  ['wide', (value, context) => ({ kind: 'bytes', bytes: utf16le(wordsOf(value, context, 'wide')) })],
  ['utf16be', (value, context) => ({ kind: 'bytes', bytes: utf16be(wordsOf(value, context, 'utf16be')) })],
  ['utf16', (value, context) => ({ kind: 'bytes', bytes: utf16(wordsOf(value, context, 'utf16')) })],
  ...comparison('lt'),
  ...comparison('lte'),
  ...comparison('gt'),
  ...comparison('gte'),
  ...timeUnit('minute', 0, 59),
  ...timeUnit('hour', 0, 23),
  ...timeUnit('day', 1, 31),
  ...timeUnit('week', 1, 53),
  ...timeUnit('month', 1, 12),
  ...timeUnit('year', 1970, 9999),
  ['cidr', cidr],
  ['expand', expand],
  ['fieldref', reference],
]);

const NAMES = [...VALUE_MODIFIERS.keys(), ...LIST_MODIFIERS];

export function unknownModifier(name: string, place: Place): SigmaError {
  const meant = nearestName(name, NAMES);
  const hint = didYouMean(meant);
  return new SigmaError('modifier', place, `no modifier is named \`${name}\`${hint}`, {
    found: `\`${name}\``,
    expected: meant ?? oneOf(NAMES),
  });
}

/** One modifier on one value; on each alternative of a value that has become several. */
export function applyModifier(name: string, value: SigmaValue, context: ModifierContext): SigmaValue {
  const modify = VALUE_MODIFIERS.get(name);
  if (modify === undefined) throw unknownModifier(name, context.place);
  if (value.kind !== 'alternatives') return modify(value, context);
  return alternatives(value.values.map((one) => modify(one, context)));
}

function open(
  value: SigmaValue,
  context: ModifierContext,
  atStart: boolean,
  atEnd: boolean,
  name: string,
): SigmaValue {
  if (value.kind === 'regex') {
    // A regular expression is found anywhere as it is.
    if (atStart && atEnd) return value;
    return { kind: 'regex', ...(atEnd ? anchorStart(value) : anchorEnd(value)) };
  }
  if (value.kind === 'reference') {
    return { ...value, isOpenStart: value.isOpenStart || atStart, isOpenEnd: value.isOpenEnd || atEnd };
  }
  const text = textOf(value.kind === 'bytes' ? textOfUtf16(value.bytes, context) : value, context, name);
  let { pattern } = text;
  if (atStart) pattern = openStart(pattern);
  if (atEnd) pattern = openEnd(pattern);
  return { ...text, pattern };
}

function exists(value: SigmaValue, context: ModifierContext): SigmaValue {
  requireUnmodified('exists', context);
  if (context.field === undefined) {
    throw new SigmaError('modifier', context.place, '`exists` asks for a field, and none is named');
  }
  if (value.kind !== 'boolean') throw misfit('exists', value, context, 'true or false');
  return { kind: 'exists', value: value.value };
}

function cased(value: SigmaValue, context: ModifierContext): SigmaValue {
  if (value.kind === 'reference') return { ...value, isCased: true };
  return { ...textOf(value, context, 'cased'), isCased: true };
}

function dashes(text: TextValue, { place }: ModifierContext): SigmaValue[] {
  const forms = withEachDash(text.pattern);
  if (forms === undefined) {
    throw new SigmaError('modifier', place, '`windash` makes too many values of this', {
      found: JSON.stringify(text.source),
      expected: `at most ${MAX_DASHES} options`,
    });
  }
  return forms.map((pattern) => ({ ...text, pattern }));
}

function regex(value: SigmaValue, context: ModifierContext): SigmaValue {
  requireUnmodified('re', context);
  return { kind: 'regex', source: textOf(value, context, 're').source, flags: new Set() };
}

function flag(short: RegexFlag, long: string): [string, Modify][] {
  const modifyAs =
    (name: string): Modify =>
    (value, context) => {
      if (value.kind !== 'regex') throw misfit(name, value, context, '`re` before it');
      return { ...value, flags: new Set([...value.flags, short]) };
    };
  return [
    [short, modifyAs(short)],
    [long, modifyAs(long)],
  ];
}

function cidr(value: SigmaValue, context: ModifierContext): SigmaValue {
  requireUnmodified('cidr', context);
  const network = textOf(value, context, 'cidr').source;
  if (parseNetwork(network) === undefined) {
    throw new SigmaError('value', context.place, 'this is no network', {
      found: JSON.stringify(network),
      expected: 'CIDR notation, such as 10.0.0.0/8 or fe80::/10',
    });
  }
  return {
    kind: 'cidr',
    network: isIP(network) === 0 ? network : `${network}/${isIP(network) === 4 ? 32 : 128}`,
  };
}

function reference(value: SigmaValue, context: ModifierContext): SigmaValue {
  const field = wordsOf(value, context, 'fieldref');
  const text = textOf(value, context, 'fieldref');
  return { kind: 'reference', field, isCased: text.isCased, isOpenStart: false, isOpenEnd: false };
}

function requireUnmodified(name: string, { applied, place }: ModifierContext): void {
  const [other] = applied.filter((one) => !LIST_MODIFIERS.has(one));
  if (other === undefined) return;
  throw new SigmaError('modifier', place, `\`${name}\` takes a value as it is written`, {
    found: `\`${other}\` before it`,
    expected: `\`${name}\` first`,
  });
}
