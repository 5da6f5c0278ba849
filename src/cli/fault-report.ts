// What of recordings could not be read: all of it is counted, and so much of it told as file:position: reason.

import type { ReplayFault } from '../sources/replay.ts';
import { formatCount, say } from './output.ts';
import type { Progress } from './progress.ts';

/** A file that is something else altogether fails line by line, for one reason. */
const ALIKE_MAX = 3;

export class FaultReport {
  readonly #max: number;
  readonly #progress: Progress | undefined;
  /** By file and reason, of those that were shown; the files and reasons that come first. */
  readonly #alike = new Map<string, number>();
  #shown = 0;
  count = 0;

  /** @param progress gives way to what is told */
  constructor(max: number, progress?: Progress) {
    this.#max = max;
    this.#progress = progress;
  }

  add(fault: ReplayFault): void {
    this.count++;
    const kind = describeFault({ ...fault, position: 0 });
    const alike = this.#alike.get(kind);
    if (alike === undefined && this.#shown >= this.#max) return;
    this.#alike.set(kind, (alike ?? 0) + 1);
    if ((alike ?? 0) >= ALIKE_MAX || this.#shown >= this.#max) return;
    this.#shown++;
    this.#progress?.clear();
    say(describeFault(fault));
  }

  /** Says how many were not told. */
  finish(): void {
    let told = this.#shown;
    for (const [kind, alike] of this.#alike) {
      if (alike <= ALIKE_MAX) continue;
      told += alike - ALIKE_MAX;
      say(`${kind}: ${formatCount(alike - ALIKE_MAX)} more`);
    }
    if (this.count > told) say(`and ${formatCount(this.count - told)} more that could not be read`);
  }
}

export function describeFault({ file, position, reason }: ReplayFault): string {
  const name = file === '-' ? 'stdin' : file;
  return position === 0 ? `${name}: ${reason}` : `${name}:${position}: ${reason}`;
}
