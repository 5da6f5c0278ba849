// A seeded source of random numbers: the same seed draws the same rules and events everywhere.

export interface Random {
  /** From 0 up to, not including, `below`. */
  integer(below: number): number;
  pick<T>(from: readonly T[]): T;
}

/** The generator called mulberry32: 32 bits of state, enough for some hundred thousand draws. */
export function seeded(seed: number): Random {
  let state = seed >>> 0;
  const integer = (below: number): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32) * below) | 0;
  };
  return {
    integer,
    pick: (from) => {
      const picked = from[integer(from.length)];
      if (picked === undefined) throw new Error('nothing to pick from');
      return picked;
    },
  };
}
