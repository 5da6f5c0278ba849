import { expect, test } from 'vitest';
import type { ShadowDifference } from '../../src/auth/shadow-difference.ts';
import { shadowLines } from '../../src/cli/shadow-text.ts';
import { decodeEvent } from '../../src/events/decode-event.ts';
import { differenceNotice } from '../../src/shadow/difference-notice.ts';
import { type CountedDifference, Differences } from '../../src/shadow/differences.ts';
import { authEvent } from '../auth/frames.ts';

const came: ShadowDifference = {
  enforced: { verdict: 'allow', rule: undefined },
  shadow: { verdict: 'deny', rule: 'new' },
};
const went: ShadowDifference = {
  enforced: { verdict: 'deny', rule: 'old' },
  shadow: { verdict: 'allow', rule: 'vault-may' },
};
const event = authEvent('/secrets/a');

interface Told {
  readonly difference: CountedDifference;
  readonly isSample: boolean;
}

function book(): { differences: Differences; told: Told[]; logged: object[]; pass: (ms: number) => void } {
  const told: Told[] = [];
  const logged: object[] = [];
  let nowMs = 0;
  const differences = new Differences({
    log: { warn: (fields: object) => void logged.push(fields) },
    notify: (difference, sample) => void told.push({ difference, isSample: sample !== undefined }),
    now: () => nowMs,
  });
  const pass = (ms: number): void => {
    nowMs += ms;
    differences.compared(0); // as the listener does, some times a second
  };
  return { differences, told, logged, pass };
}

test('of a pair that differs often a few are told, and at the end of the minute how many there were', () => {
  const { differences, told, logged, pass } = book();
  for (let time = 0; time < 1_000; time += 1) {
    differences.differed(came, 1);
    differences.sampled(came, event);
  }
  differences.differed(went, 2);
  differences.sampled(went, event);
  expect(told.filter(({ difference }) => difference.shadow.rule === 'new')).toHaveLength(3);
  expect(told.filter(({ difference }) => difference.enforced.rule === 'old')).toHaveLength(1);
  expect(logged).toHaveLength(4);
  pass(59_999);
  expect(told).toHaveLength(4);
  pass(1);
  expect(told.slice(4)).toEqual([{ difference: { ...came, times: 1_000 }, isSample: false }]);
  pass(60_000);
  expect(told).toHaveLength(5);
  differences.differed(came, 1);
  differences.sampled(came, event);
  expect(told.at(-1)).toEqual({ difference: { ...came, times: 1_001 }, isSample: true });
  expect(differences.summary().differences).toEqual([
    { ...came, times: 1_001 },
    { ...went, times: 2 },
  ]);
});

test('many pairs at once are counted, and told up to a bound', () => {
  const { differences, told } = book();
  for (let pair = 0; pair < 5_000; pair += 1) {
    const difference = { ...came, shadow: { verdict: 'deny', rule: `rule-${pair}` } } as const;
    differences.differed(difference, 2);
    differences.sampled(difference, event);
  }
  expect(told).toHaveLength(60);
  const { differences: counted, elsewhere } = differences.summary();
  expect(counted.length).toBeLessThan(5_000);
  expect(counted.every(({ times }) => times === 2)).toBe(true);
  expect(elsewhere + 2 * counted.length).toBe(10_000);
});

test('the notice of a difference has the process and the file of its sample, and both rules', () => {
  const difference = { ...came, times: 7 };
  const notice = { createdNs: 1_700_000_000_000_000_000n, platform: 'linux', difference } as const;
  expect(decodeEvent(differenceNotice({ ...notice, sample: event }))).toMatchObject({
    event: { action: 'shadow_difference', provider: 'picket-agent' },
    process: { executable: '/usr/bin/cat', pid: 4242 },
    file: { path: '/secrets/a' },
    picket: {
      trigger: 'picket',
      shadow_difference: {
        enforced_verdict: 'allow',
        shadow_verdict: 'deny',
        shadow_rule: 'new',
        times: 7,
        trigger: 'auth.open',
      },
    },
  });
  const counted = decodeEvent(differenceNotice({ ...notice, sample: undefined }));
  expect(counted).toMatchObject({ picket: { shadow_difference: { times: 7 } } });
  expect(counted.file).toBeUndefined();
});

test('the summary for a person says what was compared, what was not, and who differs', () => {
  const { differences } = book();
  expect(shadowLines(differences.summary())).toEqual([]);
  differences.compared(1_500);
  expect(shadowLines(differences.summary())).toEqual([
    'The shadow set was compared on 1,500 requests.',
    'It would have answered all of them alike.',
  ]);
  differences.notCompared('busy', 4);
  differences.differed(went, 2);
  differences.differed(came, 12);
  differences.differedElsewhere(3);
  const lines = shadowLines(differences.summary());
  expect(lines[0]).toBe(
    'The shadow set was compared on 1,500 requests, and not on 4 (busy 4, failed 0, dropped 0).',
  );
  expect(lines.slice(1).map((line) => line.trimEnd())).toEqual([
    'the rules        the shadow set   times',
    'allow (no rule)  deny new            12',
    'deny old         allow vault-may      2',
    'and 3 differences of other pairs of rules',
  ]);
});
