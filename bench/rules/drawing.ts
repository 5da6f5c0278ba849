// Placeholders of rules-mix.yaml and what was drawn for them: once for a rule, and again for the events made to match it.

import type { Random } from './random.ts';

export type Pools = Readonly<Record<string, readonly string[]>>;

const PLACEHOLDER = /\$\{([A-Za-z0-9]+)(\.\d+)?\}/g;
const LETTERS = 'abcdefghijklmnopqrstuvwxyz';
const DIGITS = '0123456789';

export class Drawing {
  readonly #pools: Pools;
  readonly #random: Random;
  readonly #drawn: Map<string, string | number>;

  constructor(pools: Pools, random: Random, drawn: ReadonlyMap<string, string | number> = new Map()) {
    this.#pools = pools;
    this.#random = random;
    this.#drawn = new Map(drawn);
  }

  /** The same values, and room for more. */
  again(random: Random): Drawing {
    return new Drawing(this.#pools, random, this.#drawn);
  }

  /** A copy of the value in which every placeholder is filled in. */
  fill(value: unknown): unknown {
    if (typeof value === 'string') return this.#fillText(value);
    if (Array.isArray(value)) return value.map((entry) => this.fill(entry));
    if (typeof value !== 'object' || value === null) return value;
    return Object.fromEntries(Object.entries(value).map(([key, entry]) => [key, this.fill(entry)]));
  }

  #fillText(text: string): string | number {
    const whole = /^\$\{([a-z0-9]+(?:\.\d+)?)\}$/.exec(text)?.[1];
    // Alone, a number stays one.
    if (whole !== undefined) return this.#value(whole);
    return text.replace(PLACEHOLDER, (_, name: string, again = '') => {
      const key = `${name.toLowerCase()}${again}`;
      const value = String(this.#value(key));
      if (name === name.toLowerCase()) return value;
      return name === name.toUpperCase() ? value.toUpperCase() : value[0]?.toUpperCase() + value.slice(1);
    });
  }

  #value(key: string): string | number {
    const known = this.#drawn.get(key);
    if (known !== undefined) return known;
    const value = this.#draw(key.replace(/\.\d+$/, ''));
    this.#drawn.set(key, value);
    return value;
  }

  #draw(kind: string): string | number {
    const pool = this.#pools[kind];
    if (pool !== undefined) return this.#random.pick(pool);
    switch (kind) {
      case 'hex':
        return this.#text(`${DIGITS}abcdef`, 64);
      case 'hex40':
        return this.#text(`${DIGITS}abcdef`, 40);
      case 'code':
        return this.#text(LETTERS + DIGITS, 6);
      case 'team':
        return this.#text(LETTERS.toUpperCase() + DIGITS, 10);
      case 'octet':
        return 1 + this.#random.integer(254);
      case 'high':
        return 1024 + this.#random.integer(64_512);
      case 'pid':
        return 500 + this.#random.integer(90_000);
      case 'size':
        return this.#random.integer(500_000);
      default:
        throw new Error(`no pool is named ${kind}`);
    }
  }

  #text(alphabet: string, length: number): string {
    let text = '';
    for (let i = 0; i < length; i++) text += alphabet[this.#random.integer(alphabet.length)];
    return text;
  }
}
