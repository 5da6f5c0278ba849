// How far a replay may be ahead of what is done with its events.
import type { Origin } from '../operators/flow.ts';

export class ReplayWindow {
  readonly #max: number;
  #unsettled = 0;
  #isClosed = false;
  #wake: (() => void) | undefined;

  /** One for all events of a replay: only their number matters. */
  readonly origin: Origin = {
    hold: () => {
      this.#unsettled++;
    },
    settle: () => {
      this.#unsettled--;
      if (this.#unsettled < this.#max) this.#wake?.();
    },
  };

  constructor(maxUnsettled: number) {
    this.#max = maxUnsettled;
  }

  take(events: number): void {
    this.#unsettled += events;
  }

  /** Resolves once there is room, or the window is closed. */
  async room(): Promise<void> {
    while (this.#unsettled >= this.#max && !this.#isClosed) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
      this.#wake = undefined;
    }
  }

  close(): void {
    this.#isClosed = true;
    this.#wake?.();
  }
}
