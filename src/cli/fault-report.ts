// What of recordings could not be read: all of it is counted, and so much of it told as file:position: reason.

import type { EventFault } from '../sources/event-file.ts';
import { formatCount, say } from './output.ts';
import type { Progress } from './progress.ts';

/** A file that is something else altogether fails line by line, for one reason. */
const ALIKE_MAX = 3;

type FaultOfFile = EventFault & { readonly file: string };

export class FaultReport {
  readonly #max: number;
  readonly #progress: Progress | undefined;
  /** By file and reason, of those that were shown; the files and reasons that come first. */
  readonly #alike = new Map<string, number>();
  #shown = 0;
  #isUnreadable = false;
  count = 0;

  /** @param progress gives way to what is told */
  constructor(max: number, progress?: Progress) {
    this.#max = max;
    this.#progress = progress;
  }

  add(fault: FaultOfFile): void {
    this.count++;
    this.#isUnreadable ||= fault.isUnreadable === true;
    const kind = describeFault({ ...fault, position: 0 });
    const alike = this.#alike.get(kind);
    if (alike === undefined && this.#shown >= this.#max) return;
    this.#alike.set(kind, (alike ?? 0) + 1);
    if ((alike ?? 0) >= ALIKE_MAX || this.#shown >= this.#max) return;
    this.#shown++;
    this.#progress?.clear();
    say(describeFault(fault));
  }

  /** 3: a file could not be read; 1: what is in one is wrong. */
  get exitCode(): 0 | 1 | 3 {
    if (this.#isUnreadable) return 3;
    return this.count > 0 ? 1 : 0;
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

export function describeFault({ file, position, reason, isUnreadable }: FaultOfFile): string {
  const name = nameOfInput(file);
  if (isUnreadable) return `${name} can't be read: ${reason}`;
  return position === 0 ? `${name}: ${reason}` : `${name}:${position}: ${reason}`;
}

export function holdsNoEvent(file: string): string {
  return `${nameOfInput(file)} holds no event: neither a recording (eslogger, *.picket) nor events as JSON`;
}

export function nameOfInput(file: string): string {
  return file === '-' ? 'stdin' : file;
}
