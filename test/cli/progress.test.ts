import { describe, expect, test } from 'vitest';
import { startProgress } from '../../src/cli/progress.ts';

function terminal(isTTY: boolean) {
  const written: string[] = [];
  const stream = { isTTY, write: (text: string) => written.push(text) > 0 } as unknown as NodeJS.WriteStream;
  return { stream, written };
}

describe('the progress bar', () => {
  test('does not appear in the first two seconds, then shows share, count and rate', () => {
    const { stream, written } = terminal(true);
    let time = 0;
    const progress = startProgress({ label: 'replay', unit: 'events', stream, now: () => time });
    time = 1_999;
    progress.update(0.1, 100);
    expect(written).toEqual([]);
    time = 4_000;
    progress.update(0.5, 8_000);
    expect(written.join('')).toContain('50 %');
    expect(written.join('')).toContain('8,000 events, 2,000/s, 4 s left');
  });

  test('leaves no trace', () => {
    const { stream, written } = terminal(true);
    let time = 0;
    const progress = startProgress({ label: 'x', unit: 'y', stream, now: () => time });
    progress.clear();
    expect(written).toEqual([]);
    time = 5_000;
    progress.update(undefined, 1);
    progress.clear();
    expect(written.at(-1)).toBe('\r\x1b[2K');
  });

  test('is never written where there is no terminal', () => {
    const { stream, written } = terminal(false);
    let time = 0;
    const progress = startProgress({ label: 'x', unit: 'y', stream, now: () => time });
    time = 9_000;
    progress.update(0.5, 1);
    progress.clear();
    expect(written).toEqual([]);
  });
});
