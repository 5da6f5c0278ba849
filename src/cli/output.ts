// What a person sees: colour only on a terminal, tables that fit, a progress bar on stderr for work that takes time.
// stdout is for data, stderr for words.
import { stripVTControlCharacters, styleText } from 'node:util';

export type Paint = 'bold' | 'dim' | 'red' | 'green' | 'yellow' | 'cyan' | 'magenta';

/** Colours text for one stream: plain where the stream is no terminal, or NO_COLOR asks for it. */
export type Painter = (paint: Paint | readonly Paint[], text: string) => string;

export function painterFor(stream: NodeJS.WriteStream): Painter {
  return (paint, text) =>
    styleText(typeof paint === 'string' ? paint : [...paint], text, { stream, validateStream: true });
}

export interface Column {
  readonly title: string;
  readonly align?: 'left' | 'right';
  /** Longer cells are cut, with an ellipsis; the start of a path is cut, its end says more. */
  readonly maxWidth?: number;
}

/** A table as text, two spaces between columns, no line at the end. */
export function formatTable(
  columns: readonly Column[],
  rows: readonly (readonly string[])[],
  paintTitle: (text: string) => string = (text) => text,
): string {
  const cells = rows.map((row) => columns.map((column, index) => shorten(row[index] ?? '', column.maxWidth)));
  const widths = columns.map((column, index) =>
    cells.reduce((width, row) => Math.max(width, widthOf(row[index] ?? '')), column.title.length),
  );
  const line = (row: readonly string[]): string =>
    columns
      .map((column, index) => padTo(row[index] ?? '', widths[index] ?? 0, column.align ?? 'left'))
      .join('  ')
      .trimEnd();
  return [paintTitle(line(columns.map((column) => column.title))), ...cells.map(line)].join('\n');
}

/** Width on a terminal of text that holds no wide characters; colours take none. */
export function widthOf(text: string): number {
  return stripVTControlCharacters(text).length;
}

export function padTo(text: string, width: number, align: 'left' | 'right' = 'left'): string {
  const padding = ' '.repeat(Math.max(0, width - widthOf(text)));
  return align === 'right' ? padding + text : text + padding;
}

export function shorten(text: string, maxWidth: number | undefined): string {
  if (maxWidth === undefined || text.length <= maxWidth) return text;
  return text.startsWith('/')
    ? `…${text.slice(text.length - maxWidth + 1)}`
    : `${text.slice(0, maxWidth - 1)}…`;
}

/** 1234567 as 1,234,567, whatever the locale. */
export function formatCount(value: number | bigint): string {
  return String(value).replace(/\B(?=(\d{3})+(?!\d))/g, ',');
}

export function counted(count: number, noun: string): string {
  return `${formatCount(count)} ${noun}${count === 1 ? '' : 's'}`;
}

export function formatMicros(us: number): string {
  if (us < 1_000) return `${us < 10 ? us.toFixed(1) : Math.round(us)} µs`;
  if (us < 1_000_000) return `${(us / 1_000).toFixed(us < 10_000 ? 2 : 1)} ms`;
  return `${(us / 1_000_000).toFixed(2)} s`;
}

export function formatBytes(bytes: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  let value = bytes;
  let unit = 0;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit++;
  }
  return `${unit === 0 ? value : value.toFixed(1)} ${units[unit]}`;
}

/**
 * A reader that goes away (`picket tail | head`) is no failure. Where the command has a way to end cleanly it takes
 * that: process.exit() would never return while the auth lane's thread blocks in read(2).
 */
export function endQuietlyOnBrokenPipe(): void {
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE' && error.code !== 'ERR_STREAM_DESTROYED') throw error;
    if (process.listenerCount('SIGTERM') > 0) process.kill(process.pid, 'SIGTERM');
    else process.exit(0);
  });
  // Words that nobody reads are no reason to stop.
  process.stderr.on('error', () => undefined);
}

/** Writes to stdout and waits while its reader is slower, so that output never piles up in memory. */
export async function writeOut(text: string): Promise<void> {
  const { stdout } = process;
  if (stdout.write(text)) return;
  await new Promise<void>((resolve) => {
    const done = (): void => {
      for (const name of ['drain', 'error', 'close']) stdout.off(name, done);
      resolve();
    };
    for (const name of ['drain', 'error', 'close']) stdout.on(name, done);
  });
}

export function say(text: string): void {
  process.stderr.write(`${text}\n`);
}
