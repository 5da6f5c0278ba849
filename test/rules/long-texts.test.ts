import { expect, test } from 'vitest';
import type { EcsEvent } from '../../src/events/ecs-event.ts';
import { encodeEvent } from '../../src/events/encode-event.ts';
import { EncodedFacts } from '../../src/events/encoded-facts.ts';
import { objectFacts } from '../../src/events/object-facts.ts';
import { EventFrame } from '../../src/rules/event-frame.ts';
import { LongTexts } from '../../src/rules/long-texts.ts';
import { LANE_TEXT_MAX } from '../../src/rules/patterns.ts';
import { rule } from '../auth/rule-sets.ts';

const most = LANE_TEXT_MAX;

test.each<[name: string, path: string, event: EcsEvent, isLong: boolean]>([
  ['a path of as many characters as may be', '$.path', { file: { path: 'a'.repeat(most) } }, false],
  ['one more', '$.path', { file: { path: 'a'.repeat(most + 1) } }, true],
  ['as many characters in twice the bytes', '$.path', { file: { path: 'ä'.repeat(most) } }, false],
  ['one more of these', '$.path', { file: { path: 'ä'.repeat(most + 1) } }, true],
  ['a piece of a long path', '$.extension', { file: { path: `/${'a'.repeat(most)}.sh` } }, false],
  ['no path', '$.path', { file: { inode: '1' } }, false],
])('%s: told from bytes as from objects', (_name, path, event, isLong) => {
  const frame = new EventFrame();
  const matches = rule('r', { all: [{ fact: 'file', path, operator: 'matches', value: 'x$' }] });
  const texts = new LongTexts([matches], {}, frame);
  for (const facts of [objectFacts(event), new EncodedFacts().reset(encodeEvent(event))]) {
    frame.begin(facts);
    expect(texts.isLong()).toBe(isLong);
  }
});

test.each([
  ['$.command_line', most, false],
  ['$.command_line', most + 1, true],
  ['$.args', most, false],
  ['$.args', most + 2, true],
])('arguments count together: process%s of %i', (path, length, isLong) => {
  const frame = new EventFrame();
  const operator = path === '$.args' ? 'someFact:matches' : 'matches';
  const matches = rule('r', { all: [{ fact: 'process', path, operator, value: 'x$' }] });
  const texts = new LongTexts([matches], {}, frame);
  const args = ['a'.repeat(100), 'b'.repeat(length - 101)];
  for (const facts of [
    objectFacts({ process: { args } }),
    new EncodedFacts().reset(encodeEvent({ process: { args } })),
  ]) {
    frame.begin(facts);
    expect(texts.isLong()).toBe(isLong);
  }
});
