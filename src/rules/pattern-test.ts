// A regular expression as a test of texts: by plain searches where it says no more than literals do, and by re2js, at
// its first use, where it does, on texts that have what the pattern can't match without.

import type { FactValue } from '../events/facts.ts';
import { type Literals, literalsOf } from './pattern-literals.ts';
import { windowOf } from './pattern-window.ts';
import { type Pattern, patternOf } from './patterns.ts';

/** @param folded the fact without its case, made when it is needed */
export type PatternTest = (fact: FactValue, folded: () => FactValue) => boolean;

interface Compiled {
  readonly pattern: Pattern;
  /** Whether the text has what the pattern can't match without; undefined: nothing is known of it. */
  readonly hasWindow: ((text: string) => boolean) | undefined;
}

export function preparePattern(source: string, ignoreCase: boolean): PatternTest {
  const literals = literalsOf(source, ignoreCase);
  // Compiled at its first use: thousands of patterns take seconds, and most are never reached.
  let compiled: Compiled | undefined;
  const matches = (fact: string): boolean => {
    compiled ??= { pattern: patternOf(source, ignoreCase), hasWindow: windowOf(source, ignoreCase) };
    const { pattern, hasWindow } = compiled;
    return (hasWindow === undefined || hasWindow(fact)) && pattern.test(fact);
  };
  if (!literals?.isExact) return (fact) => typeof fact === 'string' && matches(fact);
  const isFound = literalTest(literals.required);
  if (!literals.isFolded) return (fact) => typeof fact === 'string' && isFound(fact);
  return (fact, folded) => {
    if (typeof fact !== 'string') return false;
    const text = folded();
    // Some letters fold to several (ß to SS), of which RE2 knows nothing: it has the last word beyond ASCII.
    return typeof text === 'string' && isFound(text) && (isAscii(fact) || matches(fact));
  };
}

function literalTest(alternatives: readonly Literals[]): (text: string) => boolean {
  const tests = alternatives.flatMap(({ place, texts }): readonly ((text: string) => boolean)[] => {
    switch (place) {
      case 'whole':
        return texts.map((one) => (text) => text === one);
      case 'prefix':
        return texts.map((one) => (text) => text.startsWith(one));
      case 'suffix':
        return texts.map((one) => (text) => text.endsWith(one));
      case 'inside':
        return texts.map((one) => (text) => text.includes(one));
      default:
        return [];
    }
  });
  const [only] = tests;
  if (only !== undefined && tests.length === 1) return only;
  return (text) => {
    for (const test of tests) if (test(text)) return true;
    return false;
  };
}

function isAscii(text: string): boolean {
  for (let i = 0; i < text.length; i++) if (text.charCodeAt(i) > 0x7f) return false;
  return true;
}
