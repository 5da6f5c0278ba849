// What the system refuses is told in words.
import { readFileSync } from 'node:fs';
import { createConnection } from 'node:net';
import { describe, expect, test } from 'vitest';
import { reasonOf } from '../src/system-error.ts';

const thrownBy = (act: () => unknown): unknown => {
  try {
    act();
  } catch (error) {
    return error;
  }
  throw new Error('nothing was thrown');
};

describe('the reason of an error', () => {
  test.each([
    ['/no/such/file', 'it does not exist'],
    ['/', 'it is a folder'],
    ['/dev/null/x', 'a part of the path is no folder'],
  ])('of reading %s is words alone', (path, words) => {
    expect(reasonOf(thrownBy(() => readFileSync(path)))).toBe(words);
  });

  test('that has no words of its own is in those of the system', async () => {
    const error = await new Promise((resolve) => createConnection(1, '127.0.0.1').on('error', resolve));
    expect(reasonOf(error)).toBe('connection refused');
  });

  test('that is none of the system is its message', () => {
    expect(reasonOf(new Error('unexpected end of file'))).toBe('unexpected end of file');
    expect(reasonOf('text')).toBe('text');
  });
});
