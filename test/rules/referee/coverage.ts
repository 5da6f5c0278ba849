// What a run of the referee must have reached to count.

import type { Hits, Tally } from './tally.ts';

/** Every operator and decorator, in a run of 100,000 cases; a tenth of what the generator reaches. */
const FLOORS: Readonly<Hits> = {
  evaluated: 500,
  held: 50,
  onUndefined: 200,
  heldOnUndefined: 0,
  besideUndefined: 20,
};
/** What says yes of a missing fact, by itself or (`not:`) in what it turns around. */
const HOLD_ON_UNDEFINED = ['notEqual', 'notIn', 'exists', 'not:'];
/** A pattern is a constant, and no list of patterns can be another fact. */
const NEVER_BESIDE_UNDEFINED = ['matches'];
const PERCENT_MATCHING = 30;

/** In words, whatever was reached too seldom. */
export function gapsOf(tally: Tally): readonly string[] {
  const gaps: string[] = [];
  const share = (100 * tally.matches) / tally.cases;
  if (!(share >= PERCENT_MATCHING))
    gaps.push(`${share.toFixed(1)} % of the cases match, not ${PERCENT_MATCHING} %`);
  if (tally.refereed === 0) gaps.push('no rule was left to json-rules-engine');
  const factor = tally.cases / 100_000;
  for (const [name, hits] of tally.hits) {
    for (const [what, floor] of Object.entries(floorsOf(name))) {
      const count = hits[what as keyof Hits];
      if (count < floor * factor) gaps.push(`${name} ${what}: ${count}, not ${Math.ceil(floor * factor)}`);
    }
  }
  return gaps;
}

function floorsOf(name: string): Hits {
  return {
    ...FLOORS,
    heldOnUndefined: HOLD_ON_UNDEFINED.includes(name) ? 50 : 0,
    besideUndefined: NEVER_BESIDE_UNDEFINED.includes(name) ? 0 : FLOORS.besideUndefined,
  };
}
