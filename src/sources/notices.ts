// The agent's own events on their way to the bridge, which numbers them and sends them back. Until one has come back it is
// sent again on each new connection, for nobody knows what the old one swallowed; a second copy that comes of it is told
// from the first by its time.
import { concat, defer, from, type Observable, Subject } from 'rxjs';
import { headerOf } from '../events/encoded-event.ts';
import { EVENT_KIND } from '../events/triggers.ts';
import type { FlowEvent } from '../operators/flow.ts';

/** Of the events that are an agent's own; all other news of Picket is the bridge's. */
const ACTIONS: ReadonlySet<string> = new Set(['rule_set', 'shadow_difference']);

/** Rule sets do not change so often that more would be under way. */
const REMEMBERED_MAX = 256;

export class Notices {
  readonly #unseen = new Map<bigint, Uint8Array>();
  readonly #seen = new Set<bigint>();
  readonly #added = new Subject<Uint8Array>();
  #lastNs = 0n;

  /** Those that have not come back yet, then each new one. */
  readonly toSend: Observable<Uint8Array> = defer(() =>
    concat(from([...this.#unseen.values()]), this.#added),
  );

  /** @param encode makes the event for the time that it is given; no two have the same */
  add(encode: (createdNs: bigint) => Uint8Array): void {
    const nowNs = BigInt(Date.now()) * 1_000_000n;
    this.#lastNs = nowNs > this.#lastNs ? nowNs : this.#lastNs + 1n;
    const event = encode(this.#lastNs);
    this.#unseen.set(this.#lastNs, event);
    forgetOldest(this.#unseen);
    this.#added.next(event);
  }

  /** Whether an event from the bridge is one of ours that has come before. */
  isRepeat({ kind, action, bytes }: FlowEvent): boolean {
    if (kind !== EVENT_KIND.picket || !ACTIONS.has(action)) return false;
    const { createdNs } = headerOf(bytes);
    if (this.#seen.has(createdNs)) return true;
    // One that we do not know is of an agent before us.
    if (this.#unseen.delete(createdNs)) {
      this.#seen.add(createdNs);
      forgetOldest(this.#seen);
    }
    return false;
  }
}

function forgetOldest(kept: Map<bigint, Uint8Array> | Set<bigint>): void {
  const [oldest] = kept.keys();
  if (kept.size > REMEMBERED_MAX && oldest !== undefined) kept.delete(oldest);
}
