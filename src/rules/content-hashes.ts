// Hashes of what an auth event asks about. To read a whole file takes time, so the bridge does it only for an event that
// can't be decided without; until then they are pending, and no rule that reads one counts as matching.

import { type Facts, slotOf } from '../events/facts.ts';
import { isFactReference, type Leaf, type NamedConditions, visitLeaves } from './conditions.ts';
import type { EventFrame } from './event-frame.ts';
import { accessOf, headOf, wholeSlot } from './fact-access.ts';
import type { RuleDefinition } from './schema.ts';

/** As the protocol has them, to be added: picket.v1.Subscription.hashes. */
export const HASH_OF = { file: 1, process: 2 } as const;
export const NO_HASHES = 0;
const PENDING = 'pending';

/** The hashes that the rule reads. */
export function hashesOfRule({ conditions }: RuleDefinition, named: NamedConditions): number {
  let hashes = NO_HASHES;
  visitLeaves(conditions, named, (leaf) => {
    hashes |= hashesOfLeaf(leaf);
  });
  return hashes;
}

export function readsHash(leaf: Leaf): boolean {
  return hashesOfLeaf(leaf) !== NO_HASHES;
}

function hashesOfLeaf({ fact, path, value }: Leaf): number {
  const compared = isFactReference(value) ? hashesAt(value.fact, value.path) : NO_HASHES;
  return hashesAt(fact, path) | compared;
}

/** Of a path with filters or wildcards: those below its head, for it may look anywhere there. */
function hashesAt(fact: string, path: string | undefined): number {
  const access = accessOf(fact, path);
  const head = accessOf(fact, headOf(path));
  const name = access?.slot?.name ?? head?.slot?.name ?? fact;
  let hashes = NO_HASHES;
  for (const [whose, hash] of Object.entries(HASH_OF)) {
    const own = `${whose}.hash`;
    const isBelow = name === own || name.startsWith(`${own}.`);
    if (isBelow || (name === whose && access === undefined)) hashes |= hash;
  }
  return hashes;
}

/** Whether a rule that reads a hash of the event is to count as not matching, whatever its conditions say. */
export function isHashPending(rule: RuleDefinition, named: NamedConditions, facts: Facts): boolean {
  const hashes = hashesOfRule(rule, named);
  return Object.entries(HASH_OF).some(([whose, hash]) => {
    const slot = slotOf(`${whose}.hash.state`);
    return (hashes & hash) !== NO_HASHES && slot !== undefined && facts.get(slot) === PENDING;
  });
}

/** Which of the hashes that rules read are pending, event by event. */
export class PendingHashes {
  readonly #frame: EventFrame;
  readonly #states: readonly { readonly hash: number; readonly state: number }[];

  /** @param hashes those that the rules read */
  constructor(hashes: number, frame: EventFrame) {
    this.#frame = frame;
    this.#states = Object.entries(HASH_OF).flatMap(([whose, hash]) => {
      const slot = (hashes & hash) === 0 ? undefined : slotOf(`${whose}.hash.state`);
      return slot === undefined ? [] : [{ hash, state: frame.register(wholeSlot(slot)) }];
    });
  }

  /** Of the frame's event. */
  pending(): number {
    let pending = NO_HASHES;
    for (let i = 0; i < this.#states.length; i++) {
      const { hash, state } = this.#states[i] as { hash: number; state: number };
      if (this.#frame.read(state) === PENDING) pending |= hash;
    }
    return pending;
  }
}
