// One engine's worker as the main thread sees it, and the times that it has answered with, round by round.

import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import type { Answer, Question, WorkerInput } from './subject-worker.ts';

const PASSES_MAX = 1_000;
const SLOW_MS = 1_000;
const SLOW_ROUNDS = 3;
/** The fifth event is the first that matches. */
const EVENTS_MIN = 5;
/** Beside this the clock's own readings are nothing. */
const CLOCK_IS_FREE_NS = 50_000;

interface Round {
  readonly ns: Float64Array;
  readonly meanCpuNs: number;
}

export class Measurement {
  readonly compileCpuMs: number;
  readonly #worker: Worker;
  readonly #rounds: Round[] = [];
  /** How many events fit into a round. */
  #events: number;
  /** Its mean is taken from the same pass as each event's time. */
  #isSlow = false;

  private constructor(worker: Worker, compileCpuMs: number, events: number) {
    this.#worker = worker;
    this.compileCpuMs = compileCpuMs;
    this.#events = events;
  }

  /** @returns the reason, where the engine can't have these rules */
  static async start(input: WorkerInput): Promise<Measurement | string> {
    const worker = new Worker(new URL('./subject-worker.ts', import.meta.url), { workerData: input });
    const answer = await nextAnswer(worker);
    if (answer.is === 'ready') return new Measurement(worker, answer.compileCpuMs, input.events.length);
    await worker.terminate();
    if (answer.is === 'failed') return answer.message;
    throw new Error(`a worker began with ${answer.is}`);
  }

  get events(): number {
    return this.#events;
  }

  get rounds(): number {
    return this.#rounds.length;
  }

  /** Runs the engine warm, and finds how many events take about so long. */
  async warmUp(warmUpMs: number, roundMs: number): Promise<void> {
    const all = this.#events;
    this.#events = Math.min(all, EVENTS_MIN);
    let spentMs = 0;
    for (let pass = 0, isGrowing = true; pass < PASSES_MAX && (isGrowing || spentMs < warmUpMs); pass++) {
      const passMs = (await this.#each()).cpuNs / 1e6;
      this.#isSlow = (passMs * 1e6) / this.#events > CLOCK_IS_FREE_NS;
      const fitting = Math.min(all, Math.floor((this.#events * roundMs) / passMs));
      // The first pass compiles patterns and machine code: it says little of the next.
      isGrowing = pass === 0 ? passMs < SLOW_MS : fitting > this.#events;
      if (fitting > this.#events) this.#events = fitting;
      if (pass > 0 || passMs > SLOW_MS) spentMs += passMs;
    }
  }

  /** Of the rules that match, for as many events as are timed, or for those asked for. */
  async names(events = this.#events): Promise<readonly (readonly string[])[]> {
    const answer = await this.#ask({ ask: 'names', events, atLeastMs: 0 });
    if (answer.is !== 'names') throw new Error(`asked for names, got ${answer.is}`);
    return answer.names;
  }

  /**
   * Takes its turn in a round; a slow engine takes part in the first few only.
   * @returns the mean; undefined: it did not take part
   */
  async round(roundMs: number): Promise<number | undefined> {
    const [first] = this.#rounds;
    const isTooSlow = first !== undefined && first.meanCpuNs * this.#events > SLOW_MS * 1e6;
    if (isTooSlow && this.#rounds.length >= SLOW_ROUNDS) return undefined;
    // The mean first: the others' turns have emptied the processor's caches, and no event alone shall pay for that.
    const ofAll = this.#isSlow ? undefined : await this.mean(this.#events, roundMs / 2);
    const { ns, cpuNs } = await this.#each();
    const meanCpuNs = ofAll ?? cpuNs / ns.length;
    this.#rounds.push({ ns, meanCpuNs });
    return meanCpuNs;
  }

  /** Processor time an event, of the first so many. */
  async mean(events: number, atLeastMs: number): Promise<number> {
    const answer = await this.#ask({ ask: 'mean', events, atLeastMs });
    if (answer.is !== 'mean') throw new Error(`asked for a mean, got ${answer.is}`);
    return answer.cpuNs;
  }

  meanNs(): number {
    return median(this.#rounds.map(({ meanCpuNs }) => meanCpuNs));
  }

  /** Each event's median over the rounds, ascending: how events differ, without the machine's moods. */
  eventsNs(): Float64Array {
    return Float64Array.from({ length: this.#events }, (_, event) =>
      median(this.#rounds.map(({ ns }) => ns[event] ?? 0)),
    ).sort();
  }

  /** Every single time of every round, ascending: moods and all. */
  allNs(): Float64Array {
    return Float64Array.from(this.#rounds.flatMap(({ ns }) => [...ns])).sort();
  }

  async stop(): Promise<void> {
    await this.#worker.terminate();
  }

  async #each(): Promise<Extract<Answer, { readonly is: 'each' }>> {
    const answer = await this.#ask({ ask: 'each', events: this.#events, atLeastMs: 0 });
    if (answer.is !== 'each') throw new Error(`asked for times, got ${answer.is}`);
    return answer;
  }

  async #ask(question: Question): Promise<Answer> {
    this.#worker.postMessage(question);
    return nextAnswer(this.#worker);
  }
}

export function percentile(ascending: Float64Array, percent: number): number {
  return (
    ascending[Math.min(ascending.length - 1, Math.floor((ascending.length * percent) / 100))] ?? Number.NaN
  );
}

export function median(values: readonly number[]): number {
  return percentile(Float64Array.from(values).sort(), 50);
}

async function nextAnswer(worker: Worker): Promise<Answer> {
  const [answer] = (await once(worker, 'message')) as [Answer];
  return answer;
}
