// Facts whose texts stand in an event's bytes as they are, whole or as a piece: what looks at a text without keeping it
// needs no string of it.

import type { Slot } from './facts.ts';

/** What of a field's value the fact's text is. `args` is all values of a field, joined by spaces; `each`: every one. */
type TextForm = 'whole' | 'hex' | 'each' | 'args' | 'base' | 'process' | 'extension' | 'directory';

/** Every place has the same shape: it is looked at for each event. */
export interface TextPlace {
  /** The message and the field there. */
  readonly node: number;
  readonly number: number;
  readonly form: TextForm;
}

export interface TextVisitor {
  /** A text of ASCII, one byte a character, valid during the call alone. */
  visit(bytes: Uint8Array, start: number, end: number): void;
}

const EXECUTABLE = 1;
export const ARGUMENTS = 4;
/** The kernel’s short name, where the path of the program has none. */
export const PROCESS_NAME = 21;
const PATH = 1;

/** undefined: a text of it is made only when it is read. */
export function textPlaceOf({ location }: Slot): TextPlace | undefined {
  if (location.type === 'field') {
    const { node, field } = location;
    const { number, kind, presence, repeated } = field;
    if (presence !== 'nonzero') return undefined;
    if (kind === 'text' || kind === 'string') return { node, number, form: repeated ? 'each' : 'whole' };
    return kind === 'hex' && !repeated ? { node, number, form: 'hex' } : undefined;
  }
  if (location.type !== 'derived') return undefined;
  const { node, fact } = location;
  switch (fact) {
    case 'process.name':
      return { node, number: EXECUTABLE, form: 'process' };
    case 'process.command_line':
      return { node, number: ARGUMENTS, form: 'args' };
    case 'file.name':
      return { node, number: PATH, form: 'base' };
    case 'file.extension':
      return { node, number: PATH, form: 'extension' };
    case 'file.directory':
      return { node, number: PATH, form: 'directory' };
    default:
      return undefined;
  }
}
