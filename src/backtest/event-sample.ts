// A few events of each trigger, spread over a whole recording whose length is not known beforehand: each n-th is kept,
// and when there is no room every second is given up and n doubles. The same recording gives the same sample.

import type { Platform, Trigger } from '../events/triggers.ts';

/** Events of one trigger. */
const EVENTS_MAX = 256;
/** A single event may be a mebibyte; the time of usual ones is what is measured. */
const EVENT_BYTES_MAX = 64 * 1024;

export interface SampledTrigger {
  readonly platform: Platform;
  readonly trigger: Trigger;
  /** Encoded. */
  readonly events: readonly Uint8Array[];
}

interface Sampling {
  readonly platform: Platform;
  readonly trigger: Trigger;
  events: Uint8Array[];
  stride: number;
  seen: number;
}

export class EventSample {
  readonly #samples = new Map<string, Sampling>();

  add(platform: Platform, trigger: Trigger, bytes: Uint8Array): void {
    const key = `${platform} ${trigger}`;
    let sampling = this.#samples.get(key);
    if (sampling === undefined) {
      sampling = { platform, trigger, events: [], stride: 1, seen: 0 };
      this.#samples.set(key, sampling);
    }
    const isDue = sampling.seen++ % sampling.stride === 0;
    if (!isDue || bytes.length > EVENT_BYTES_MAX) return;
    if (sampling.events.length === EVENTS_MAX) {
      sampling.events = sampling.events.filter((_, index) => index % 2 === 0);
      sampling.stride *= 2;
      if ((sampling.seen - 1) % sampling.stride !== 0) return;
    }
    // A batch's memory is not to be held for the sake of one event.
    sampling.events.push(bytes.slice());
  }

  triggers(): readonly SampledTrigger[] {
    return [...this.#samples.values()];
  }
}
