import { beforeEach, expect, test } from 'vitest';
import { createLogger } from '../../src/observe/log.ts';

let lines: { level: string; msg: string; held?: number }[];
let now: number;
const destination = { write: (line: string) => void lines.push(JSON.parse(line)) };

beforeEach(() => {
  lines = [];
  now = 0;
});

test('many lines of one kind become a few and then a number', () => {
  const log = createLogger('info', destination, () => now);
  for (let index = 0; index < 100; index++) log.warn(`event ${index} cannot be read`);
  expect(lines).toHaveLength(10);
  now = 20_000;
  log.warn('event 100 cannot be read');
  expect(lines.slice(10)).toMatchObject([{ held: 90 }, { msg: 'event 100 cannot be read' }]);
});

test('one noisy kind does not silence another', () => {
  const log = createLogger('info', destination, () => now);
  for (let index = 0; index < 100; index++) log.warn('noise');
  log.error({ err: new Error('cause') }, 'something else');
  expect(lines.at(-1)).toMatchObject({ level: 'error', msg: 'something else' });
});

test('lines below the level are not written and not counted', () => {
  const log = createLogger('warn', destination, () => now);
  for (let index = 0; index < 20; index++) log.info('same');
  log.warn('same');
  expect(lines).toHaveLength(1);
});
