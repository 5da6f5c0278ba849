// A progress bar on stderr. It appears once the work has taken two seconds, on a terminal only, and leaves no trace.
import { formatCount } from './output.ts';

const APPEARS_AFTER_MS = 2_000;
const REDRAW_MS = 100;
const BAR_WIDTH = 28;

export interface Progress {
  /** @param share of the whole, 0 to 1; undefined where the whole is not known (a pipe) */
  update(share: number | undefined, count: number): void;
  /** Takes the bar away, so that other words can be written; the next update draws it again. */
  clear(): void;
}

export interface ProgressOptions {
  readonly label: string;
  readonly unit: string;
  readonly stream?: NodeJS.WriteStream;
  readonly now?: () => number;
}

export function startProgress(options: ProgressOptions): Progress {
  const stream = options.stream ?? process.stderr;
  const now = options.now ?? (() => performance.now());
  const started = now();
  let drawn = Number.NEGATIVE_INFINITY;
  let isShown = false;
  return {
    update(share, count) {
      if (!stream.isTTY) return;
      const time = now();
      if (time - started < APPEARS_AFTER_MS || time - drawn < REDRAW_MS) return;
      drawn = time;
      isShown = true;
      const rate = Math.round(count / ((time - started) / 1_000));
      stream.write(
        `\r\x1b[2K${options.label} ${bar(share)} ${formatCount(count)} ${options.unit}, ${formatCount(rate)}/s` +
          remaining(share, time - started),
      );
    },
    clear() {
      if (!isShown) return;
      isShown = false;
      stream.write('\r\x1b[2K');
    },
  };
}

function bar(share: number | undefined): string {
  if (share === undefined) return '';
  const filled = Math.round(Math.min(1, Math.max(0, share)) * BAR_WIDTH);
  return `[${'#'.repeat(filled)}${'.'.repeat(BAR_WIDTH - filled)}] ${String(Math.floor(share * 100)).padStart(3)} %`;
}

function remaining(share: number | undefined, elapsedMs: number): string {
  if (share === undefined || share < 0.02) return '';
  return `, ${Math.ceil(((elapsedMs / share) * (1 - share)) / 1_000)} s left`;
}
