// What a text must have for a pattern to match, told from the pattern: some characters beside one another, each of a
// certain set. `\b[a-f]{2}[0-9]{2}\b` needs two of a to f and two digits. It is looked for in a fraction of the time
// that re2js takes, so that re2js need not run on a text without it.

import { ALL_OF_ASCII, type AsciiSet, asciiOf, hasCode, inBothCases, WORDS, wordsOf } from './ascii-set.ts';
import { asciiText } from './ascii-text.ts';
import { type PatternNode, parsePattern } from './pattern-syntax.ts';

/** One bit for each character beside one another. */
const WINDOW_MAX = 16;
/** A window must tell more than this, or most texts have it. */
const BITS_MIN = 5;
// Nested repeats multiply, and more of them tell nothing new.
const STEPS_MAX = 256;

/** Of one character, or null: whatever may stand there, and as much of it as may. */
type Step = AsciiSet | null;

/** undefined: there is nothing that is worth a look. The test is true for every text that the pattern matches. */
export function windowOf(source: string, ignoreCase: boolean): ((text: string) => boolean) | undefined {
  const pattern = parsePattern(source, ignoreCase);
  const sets = pattern && rarestWindow(stepsOf(pattern));
  if (sets === undefined) return undefined;
  const masks = new Uint16Array(128);
  for (const [index, set] of sets.map(wordsOf).entries())
    for (let code = 0; code < 128; code++)
      if (hasCode(set, code)) masks[code] = (masks[code] as number) | (1 << index);
  const window: Window = {
    masks,
    last: 1 << (sets.length - 1),
    needed: Int32Array.from([...new Set(sets)].flatMap((set) => [...wordsOf(set)])),
  };
  return (text) => mayHave(text, window);
}

interface Window {
  /** By character: the places in the window where it may stand, one bit each. */
  readonly masks: Uint16Array;
  /** The bit of the last place. */
  readonly last: number;
  /** The sets, one after another: of each a text must have a character. */
  readonly needed: Int32Array;
}

function mayHave(text: string, { masks, last, needed }: Window): boolean {
  const ascii = asciiText(text);
  if (ascii === undefined) return true;
  const { codes, present } = ascii;
  for (let set = 0; set < needed.length; set += WORDS) {
    let common = 0;
    for (let word = 0; word < WORDS; word++)
      common |= (needed[set + word] as number) & (present[word] as number);
    if (common === 0) return false;
  }
  // The bits of a state say how many characters of the window end here, all such numbers at once.
  let state = 0;
  for (let i = 0; i < text.length; i++) {
    state = ((state << 1) | 1) & (masks[codes[i] as number] as number);
    if ((state & last) !== 0) return true;
  }
  return false;
}

function rarestWindow(steps: readonly Step[]): readonly AsciiSet[] | undefined {
  const bits = steps.map((step) => (step === null ? 0 : bitsOf(step)));
  let rarest: readonly AsciiSet[] | undefined;
  let most = BITS_MIN;
  for (let start = 0; start < steps.length; start++) {
    const sets: AsciiSet[] = [];
    let sum = 0;
    for (let at = start; at < start + WINDOW_MAX && at < steps.length; at++) {
      const step = steps[at] as Step;
      if (step === null) break;
      sets.push(step);
      sum += bits[at] as number;
    }
    if (sum <= most) continue;
    most = sum;
    rarest = sets;
  }
  return rarest;
}

/** How much rarer a set makes a text: 7 bits for one character, none for all of them. */
function bitsOf(set: AsciiSet): number {
  const words = wordsOf(set);
  let size = 0;
  for (let code = 0; code < 128; code++) if (hasCode(words, code)) size++;
  return Math.log2(128 / size);
}

function stepsOf(node: PatternNode): readonly Step[] {
  switch (node.type) {
    case 'text':
      return [...node.text].map((character) => asciiOfText(character, node.ignoresCase));
    case 'character':
      return [node.ascii];
    case 'sequence':
      return bounded(node.parts.flatMap(stepsOf));
    case 'either':
      return either(node.parts.map(stepsOf));
    case 'repeat':
      return repeated(stepsOf(node.part), node.min, node.max);
    default:
      // Of no width: what stands before and behind it is beside one another.
      return [];
  }
}

/** Letters beyond ASCII may have a case that is in it. */
function asciiOfText(character: string, ignoresCase: boolean): AsciiSet {
  if (character > '\x7f') return ignoresCase ? ALL_OF_ASCII : 0n;
  return ignoresCase ? inBothCases(asciiOf(character)) : asciiOf(character);
}

function either(branches: readonly (readonly Step[])[]): readonly Step[] {
  let union = 0n;
  for (const [only, ...more] of branches) {
    if (only === undefined || only === null || more.length > 0) return [null];
    union |= only;
  }
  return [union];
}

/** The first times that must be and the last ones; between them there may be others. */
function repeated(steps: readonly Step[], min: number, max: number): readonly Step[] {
  if (min === 0 || steps.length === 0) return max === 0 || steps.length === 0 ? [] : [null];
  const times = Array.from({ length: Math.min(min, WINDOW_MAX) }, () => steps).flat();
  return bounded(max === times.length / steps.length ? times : [...times, null, ...times]);
}

const bounded = (steps: readonly Step[]): readonly Step[] => (steps.length > STEPS_MAX ? [null] : steps);
