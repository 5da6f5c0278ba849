// The book of differences between the enforced rules and the shadow set: exact counts by pairs of rules, for as long as
// the agent runs, and some of the events themselves, told in the log and in events of the agent's own.
import type { Logger } from 'pino';
import type { ShadowDifference, ShadowGap, ShadowSink } from '../auth/shadow-difference.ts';

export interface CountedDifference extends ShadowDifference {
  readonly times: number;
}

export interface ShadowSummary {
  readonly compared: number;
  readonly notCompared: Readonly<Record<ShadowGap, number>>;
  /** The most frequent first. */
  readonly differences: readonly CountedDifference[];
  /** Of pairs of rules beyond those that are counted apart. */
  readonly elsewhere: number;
}

export interface DifferencesOptions {
  readonly log: Pick<Logger, 'warn'>;
  /** Makes an event of it. Without a request's own event it tells the count alone. */
  readonly notify: (difference: CountedDifference, event: Uint8Array | undefined) => void;
  /** performance.now() */
  readonly now?: () => number;
}

/** Events told a minute, of one pair and of all: a rule that differs often says the same each time. */
const samplesOfPair = 3;
const samplesOfAll = 60;
const minuteMs = 60_000;
/** Pairs counted apart. */
const maxPairs = 4_096;

interface Pair {
  readonly difference: ShadowDifference;
  times: number;
  /** As it was told last. */
  toldTimes: number;
  samples: number;
}

export class Differences implements ShadowSink {
  readonly #options: DifferencesOptions;
  readonly #now: () => number;
  readonly #pairs = new Map<string, Pair>();
  readonly #notCompared: Record<ShadowGap, number> = { busy: 0, failed: 0, dropped: 0 };
  #compared = 0;
  #elsewhere = 0;
  #minuteSince: number;
  #samples = 0;

  constructor(options: DifferencesOptions) {
    this.#options = options;
    this.#now = options.now ?? (() => performance.now());
    this.#minuteSince = this.#now();
  }

  compared(times: number): void {
    this.#compared += times;
    this.#lookAtTime();
  }

  notCompared(why: ShadowGap, times: number): void {
    this.#notCompared[why] += times;
  }

  differed(difference: ShadowDifference, times: number): void {
    const pair = this.#pairOf(difference);
    if (pair === undefined) this.#elsewhere += times;
    else pair.times += times;
  }

  differedElsewhere(times: number): void {
    this.#elsewhere += times;
  }

  sampled(difference: ShadowDifference, event: Uint8Array): void {
    const pair = this.#pairOf(difference);
    if (pair === undefined || pair.samples >= samplesOfPair || this.#samples >= samplesOfAll) return;
    pair.samples += 1;
    this.#samples += 1;
    this.#tell(pair, event);
  }

  summary(): ShadowSummary {
    const differences = [...this.#pairs.values()]
      .map(({ difference, times }) => ({ ...difference, times }))
      .filter(({ times }) => times > 0)
      .sort((a, b) => b.times - a.times);
    const notCompared = { ...this.#notCompared };
    return { compared: this.#compared, notCompared, differences, elsewhere: this.#elsewhere };
  }

  /** At the end of a minute, what was only counted in it is told in numbers. */
  #lookAtTime(): void {
    if (this.#now() - this.#minuteSince < minuteMs) return;
    this.#minuteSince = this.#now();
    this.#samples = 0;
    for (const pair of this.#pairs.values()) {
      pair.samples = 0;
      if (pair.times > pair.toldTimes) this.#tell(pair, undefined);
    }
  }

  #tell(pair: Pair, event: Uint8Array | undefined): void {
    const { difference, times } = pair;
    pair.toldTimes = times;
    const { enforced, shadow } = difference;
    this.#options.log.warn(
      {
        enforced: enforced.verdict,
        enforcedRule: enforced.rule,
        shadow: shadow.verdict,
        shadowRule: shadow.rule,
        times,
      },
      `the shadow set would ${shadow.verdict} what the rules ${enforced.verdict}: ${shadow.rule ?? 'no rule'} against ${enforced.rule ?? 'no rule'}`,
    );
    this.#options.notify({ ...difference, times }, event);
  }

  #pairOf(difference: ShadowDifference): Pair | undefined {
    const { enforced, shadow } = difference;
    // Rule names hold no line breaks.
    const key = `${enforced.verdict}\n${enforced.rule ?? ''}\n${shadow.rule ?? ''}`;
    let pair = this.#pairs.get(key);
    if (pair === undefined && this.#pairs.size < maxPairs) {
      pair = { difference, times: 0, toldTimes: 0, samples: 0 };
      this.#pairs.set(key, pair);
    }
    return pair;
  }
}
