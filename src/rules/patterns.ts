// Regular expressions of rules: RE2's syntax, linear time, and small enough that linear is also quick.

import { RE2JS } from 're2js';

// One legal pattern took 2.3 s on 30 kB: time grows with instructions times input, so the instructions are bounded,
// and so are repeats, which multiply them unseen.
const MAX_PROGRAM_SIZE = 1000;
const MAX_REPEAT = 200;
const MAX_PATTERN_LENGTH = 2000;

/** On the auth lane a regular expression sees at most this much text: time grows with it, and a path ends at 4,096. */
export const LANE_TEXT_MAX = 8192;

export class PatternError extends Error {
  readonly found: string;
  readonly expected: string;
  constructor(message: string, found: string, expected: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'PatternError';
    this.found = found;
    this.expected = expected;
  }
}

export interface Pattern {
  test(text: string): boolean;
  readonly programSize: number;
}

/** Compiles a pattern that is searched for anywhere in a text. Throws PatternError. */
export function compilePattern(source: string, ignoreCase: boolean): Pattern {
  if (source.length > MAX_PATTERN_LENGTH) {
    throw new PatternError(
      'this regular expression is too long',
      `${source.length} characters`,
      `at most ${MAX_PATTERN_LENGTH}`,
    );
  }
  const repeat = largestRepeat(source);
  if (repeat > MAX_REPEAT) {
    throw new PatternError(
      'this regular expression repeats too often',
      `{${repeat}}`,
      `a repeat of at most ${MAX_REPEAT}`,
    );
  }
  let compiled: RE2JS;
  try {
    compiled = RE2JS.compile(source, ignoreCase ? RE2JS.CASE_INSENSITIVE : 0);
  } catch (cause) {
    const reason =
      cause instanceof Error ? cause.message.replace(/^error parsing regexp: /, '') : String(cause);
    throw new PatternError(`this regular expression is not valid: ${reason}`, source, EXPECTED_SYNTAX, {
      cause,
    });
  }
  const programSize = compiled.programSize();
  if (programSize > MAX_PROGRAM_SIZE) {
    throw new PatternError(
      'this regular expression compiles to too large a program',
      `${programSize} instructions`,
      `at most ${MAX_PROGRAM_SIZE}; nested repeats multiply`,
    );
  }
  return { test: (text) => compiled.test(text), programSize };
}

const EXPECTED_SYNTAX = 'RE2 syntax (no lookaround, no back-references)';

const compiledPatterns = new Map<string, Pattern>();

/** The compiled form of a pattern that the loader has accepted, compiled when it is first needed. */
export function patternOf(source: string, ignoreCase: boolean): Pattern {
  const key = `${ignoreCase ? 'i' : 'c'}${source}`;
  let pattern = compiledPatterns.get(key);
  if (pattern === undefined) {
    pattern = compilePattern(source, ignoreCase);
    // Patterns come from rule files alone; a reload that brings new ones must not keep the old for ever.
    if (compiledPatterns.size >= 10_000) compiledPatterns.clear();
    compiledPatterns.set(key, pattern);
  }
  return pattern;
}

function largestRepeat(source: string): number {
  let largest = 0;
  for (let i = 0; i < source.length; i++) {
    if (source[i] === '\\') {
      i++;
      continue;
    }
    if (source[i] !== '{') continue;
    const repeat = /^\{(\d+)(?:,(\d*))?\}/.exec(source.slice(i, i + 24));
    if (repeat) largest = Math.max(largest, Number(repeat[1]), Number(repeat[2] ?? 0));
  }
  return largest;
}
