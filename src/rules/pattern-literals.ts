// The literals of a regular expression: texts of which one must be there for it to match, by which an index finds it,
// and, where a pattern says no more than that, the whole of it.

import { foldCase } from './fold-case.ts';
import { type PatternNode, parsePattern } from './pattern-syntax.ts';

/** How a text stands in the text that is searched. */
export type LiteralPlace = 'whole' | 'prefix' | 'suffix' | 'inside';

export interface Literals {
  readonly place: LiteralPlace;
  /** One of these; none is empty unless it is the whole. */
  readonly texts: readonly string[];
}

export interface PatternLiterals {
  /** The literals, and the text that they are looked for in, are folded (fold-case.ts). */
  readonly isFolded: boolean;
  /** Alternatives, of which one holds in every text that the pattern matches. */
  readonly required: readonly Literals[];
  /** The pattern matches exactly where an alternative holds; of folded ones, in texts of ASCII only. */
  readonly isExact: boolean;
}

/** undefined: nothing is required, or nothing that is worth a look. */
export function literalsOf(source: string, ignoreCase: boolean): PatternLiterals | undefined {
  const pattern = parsePattern(source, ignoreCase);
  if (pattern === undefined) return undefined;
  const found = [false, true].flatMap((isFolded) => {
    const alternatives = alternativesOf(pattern, isFolded);
    if (alternatives === undefined) return [];
    const required = merged(alternatives.map(({ literals }) => literals));
    return [{ isFolded, required, isExact: alternatives.every(({ isExact }) => isExact) }];
  });
  const [plain, folded] = found;
  if (plain === undefined || folded === undefined) return plain ?? folded;
  return shortest(plain) >= shortest(folded) ? plain : folded;
}

interface Alternative {
  readonly literals: Literals;
  readonly isExact: boolean;
}

// More texts than these make an index larger and hit no more seldom.
const TEXTS_MAX = 24;
const ALTERNATIVES_MAX = 64;
const REPEATS_MAX = 16;

function alternativesOf(node: PatternNode, isFolded: boolean): readonly Alternative[] | undefined {
  const branches =
    node.type === 'either' ? node.parts : node.type === 'sequence' ? inner(node.parts) : undefined;
  if (branches !== undefined) {
    const alternatives: Alternative[] = [];
    for (const branch of branches) {
      const own = alternativesOf(branch, isFolded);
      if (own === undefined) return undefined;
      alternatives.push(...own);
    }
    return alternatives.length > ALTERNATIVES_MAX ? undefined : alternatives;
  }
  const alternative = best(node.type === 'sequence' ? node.parts : [node], isFolded);
  return alternative === undefined ? undefined : [alternative];
}

/** The branches of a pattern that is one alternation and nothing else. */
function inner(parts: readonly PatternNode[]): readonly PatternNode[] | undefined {
  const [only] = parts;
  if (parts.length !== 1 || only === undefined) return undefined;
  if (only.type === 'either') return only.parts;
  return only.type === 'sequence' ? inner(only.parts) : undefined;
}

/** The rarest literals of a sequence, as far as length tells. */
function best(sequence: readonly PatternNode[], isFolded: boolean): Alternative | undefined {
  const parts = sequence.flatMap(flat);
  const isBegun = parts[0]?.type === 'begin';
  const isEnded = parts.at(-1)?.type === 'end';
  // `^(?s).*` says nothing; nor does what may be missing where no anchor holds it.
  const from = skipped(parts, isBegun);
  const to = parts.length - skipped([...parts].reverse(), isEnded);
  const startsAt = isBegun && from === 1 ? 0 : undefined;
  const core = parts.slice(from, Math.max(from, to));
  const endsAt = isEnded && to === parts.length - 1 ? core.length : undefined;
  const runs = runsOf(core, isFolded);
  let chosen: Alternative | undefined;
  for (const { texts, start, end } of runs) {
    const isFirst = startsAt !== undefined && start === 0;
    const isLast = endsAt !== undefined && end === endsAt;
    const place = isFirst ? (isLast ? 'whole' : 'prefix') : isLast ? 'suffix' : 'inside';
    if (place !== 'whole' && texts.includes('')) continue;
    const isExact = start === 0 && end === core.length && (!isFolded || core.every(hasNoCase));
    const alternative: Alternative = { literals: { place, texts }, isExact };
    if (chosen === undefined || worth(alternative) > worth(chosen)) chosen = alternative;
  }
  return chosen;
}

/** Folded, it is the same for every case of it that the pattern matches, and for no other. */
function hasNoCase(node: PatternNode): boolean {
  switch (node.type) {
    case 'text':
      return node.ignoresCase || /^[^a-zA-Z\u0080-\uffff]*$/.test(node.text);
    case 'character':
      return node.of?.every(hasNoCase) ?? false;
    case 'sequence':
    case 'either':
      return node.parts.every(hasNoCase);
    case 'repeat':
      return hasNoCase(node.part);
    default:
      return false;
  }
}

function flat(node: PatternNode): readonly PatternNode[] {
  return node.type === 'sequence' ? node.parts.flatMap(flat) : [node];
}

/** How many parts from this end on hold for every text. */
function skipped(parts: readonly PatternNode[], isAnchored: boolean): number {
  if (isAnchored) {
    const [, next] = parts;
    const isAnything =
      next?.type === 'repeat' && next.min === 0 && next.max === Number.POSITIVE_INFINITY && isAny(next.part);
    return isAnything ? 2 : 1;
  }
  let count = 0;
  while (isOptional(parts[count])) count++;
  return count;
}

function isAny(node: PatternNode): boolean {
  const [only, more] = flat(node);
  return only?.type === 'character' && only.isAny && more === undefined;
}

function isOptional(node: PatternNode | undefined): boolean {
  return node?.type === 'repeat' && node.min === 0;
}

interface Run {
  readonly texts: readonly string[];
  /** Of the parts that it is made of. */
  readonly start: number;
  readonly end: number;
}

/** Stretches of a sequence of which every text is known, and what is required inside the parts between them. */
function runsOf(parts: readonly PatternNode[], isFolded: boolean): readonly Run[] {
  const runs: Run[] = [];
  let texts: readonly string[] = [''];
  let start = 0;
  const finish = (end: number): void => {
    if (end > start || parts.length === 0) runs.push({ texts, start, end });
  };
  for (const [index, part] of parts.entries()) {
    const own = textsOf(part, isFolded);
    const longer = own && product(texts, own);
    if (longer !== undefined) {
      texts = longer;
      continue;
    }
    finish(index);
    if (own !== undefined) {
      texts = own;
      start = index;
      continue;
    }
    // Inside a part, no anchor of the sequence tells where it stands.
    const inside = insideOf(part, isFolded);
    if (inside !== undefined) runs.push({ texts: inside, start: index + 0.5, end: index + 0.5 });
    texts = [''];
    start = index + 1;
  }
  finish(parts.length);
  return runs;
}

/** Texts of which one stands somewhere in what the part matches. */
function insideOf(part: PatternNode, isFolded: boolean): readonly string[] | undefined {
  if (part.type === 'repeat') return part.min > 0 ? insideOf(part.part, isFolded) : undefined;
  const isGroup = part.type === 'either' || part.type === 'sequence';
  const texts = isGroup
    ? alternativesOf(part, isFolded)?.flatMap(({ literals }) => literals.texts)
    : textsOf(part, isFolded);
  return texts === undefined || texts.length > TEXTS_MAX || texts.includes('') ? undefined : texts;
}

/** Every text that a part can match; undefined: too many. */
function textsOf(node: PatternNode, isFolded: boolean): readonly string[] | undefined {
  switch (node.type) {
    case 'text':
      return textOf(node.text, node.ignoresCase, isFolded);
    case 'character':
      return node.of && union(node.of, isFolded);
    case 'either':
      return union(node.parts, isFolded);
    case 'sequence': {
      let texts: readonly string[] | undefined = [''];
      for (const part of node.parts) {
        const own = textsOf(part, isFolded);
        texts = texts && own && product(texts, own);
      }
      return texts;
    }
    case 'repeat': {
      const own = textsOf(node.part, isFolded);
      if (own === undefined || node.max > REPEATS_MAX) return undefined;
      const all = new Set<string>();
      let texts: readonly string[] | undefined = [''];
      for (let times = 0; times <= node.max && texts !== undefined; times++) {
        if (times >= node.min) for (const text of texts) all.add(text);
        if (times < node.max) texts = product(texts, own);
      }
      return texts === undefined || all.size > TEXTS_MAX ? undefined : [...all];
    }
    default:
      // Of no width; where it must hold is told by whoever asks for more than what is required.
      return undefined;
  }
}

function textOf(text: string, ignoresCase: boolean, isFolded: boolean): readonly string[] | undefined {
  // A pattern sees whole characters, a search halves of them, too.
  if (/[\ud800-\udfff]/.test(text)) return undefined;
  if (!isFolded) return ignoresCase ? undefined : [text];
  // Beyond ASCII, RE2 and Unicode's full mapping differ in what one letter is.
  return ignoresCase && /[^\0-\x7f]/.test(text) ? undefined : [foldCase(text)];
}

function union(parts: readonly PatternNode[], isFolded: boolean): readonly string[] | undefined {
  const all = new Set<string>();
  for (const part of parts) {
    const own = textsOf(part, isFolded);
    if (own === undefined) return undefined;
    for (const text of own) all.add(text);
  }
  return all.size > TEXTS_MAX ? undefined : [...all];
}

function product(left: readonly string[], right: readonly string[]): readonly string[] | undefined {
  if (left.length * right.length > TEXTS_MAX) return undefined;
  return [...new Set(left.flatMap((a) => right.map((b) => a + b)))];
}

/** Fewer and longer texts are rarer; a place is worth some characters. */
function worth({ literals: { place, texts }, isExact }: Alternative): number {
  const bonus = isExact ? 1000 : place === 'whole' ? 100 : place === 'inside' ? 0 : 2;
  return bonus + Math.min(...texts.map(({ length }) => length)) - Math.log2(texts.length) / 4;
}

const shortest = ({ required, isExact }: PatternLiterals): number =>
  (isExact ? 1000 : 0) + Math.min(...required.flatMap(({ texts }) => texts.map(({ length }) => length)));

/** Alternatives of the same place together. */
function merged(alternatives: readonly Literals[]): readonly Literals[] {
  const byPlace = new Map<LiteralPlace, Set<string>>();
  for (const { place, texts } of alternatives) {
    const all = byPlace.get(place) ?? new Set();
    byPlace.set(place, all);
    for (const text of texts) all.add(text);
  }
  return [...byPlace].map(([place, texts]) => ({ place, texts: [...texts] }));
}
