// A text made of an event's facts, as `{process.executable} {file.path}`.
import { type Facts, type FactValue, type Slot, slotOf } from '../events/facts.ts';

export type KeyTemplate = (facts: Facts) => string;

export class KeyTemplateError extends Error {
  readonly template: string;

  constructor(template: string, what: string) {
    super(`the key ${JSON.stringify(template)} ${what}`);
    this.name = 'KeyTemplateError';
    this.template = template;
  }
}

/** Values are set apart by a character that no text of an event holds unescaped, so no two keys run together. */
const SEPARATOR = '\u0000';

/** Throws KeyTemplateError for a fact that does not exist. */
export function compileKey(prefix: string, template: string): KeyTemplate {
  const slots: Slot[] = [];
  for (const [, name = ''] of template.matchAll(/\{([^{}]*)\}/g)) {
    const slot = slotOf(name);
    if (slot === undefined) throw new KeyTemplateError(template, `names a fact that does not exist: ${name}`);
    slots.push(slot);
  }
  if (slots.length === 0)
    throw new KeyTemplateError(template, 'names no fact; write facts as {process.executable}');
  return (facts) => {
    let key = prefix;
    for (const slot of slots) key += SEPARATOR + textOf(facts.get(slot));
    return key;
  };
}

function textOf(value: FactValue): string {
  if (typeof value === 'string') return value;
  if (value === undefined) return '';
  return typeof value === 'object' && value !== null
    ? JSON.stringify(value, (_, part: unknown) => (typeof part === 'bigint' ? part.toString() : part))
    : String(value);
}
