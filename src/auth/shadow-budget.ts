// How much of the lane's time the shadow rules may take. They run behind the answers, but requests that come meanwhile
// wait for them: a shadow set that is slow, or a flood, must cost comparisons and no deadline.

/** Of all time, over the long run. */
const share = 0.25;
/** At once, after a rest; far below any budget of a request. */
const burstMs = 20;

export class ShadowBudget {
  #leftMs = burstMs;
  #atMs = 0;

  /** @param nowMs performance.now(); it never goes back */
  allows(nowMs: number): boolean {
    this.#leftMs = Math.min(burstMs, this.#leftMs + (nowMs - this.#atMs) * share);
    this.#atMs = nowMs;
    return this.#leftMs > 0;
  }

  spend(ms: number): void {
    this.#leftMs -= ms;
  }
}
