import { expect, test } from 'vitest';
import { authOutcomeLines } from '../../src/cli/auth-outcomes-text.ts';
import { picket } from '../../src/events/proto/picket.js';
import { authOutcomesOf } from '../../src/observe/auth-outcomes.ts';

const statistics = picket.v1.BridgeStatistics.fromObject({
  requests: [
    { action: 'open', count: 1_210 },
    { action: 'exec', count: 7 },
  ],
  answers: [
    { action: 'open', level: 1, verdict: 1, count: 1_200 },
    { action: 'open', level: 1, verdict: 2, count: 3 },
    { action: 'open', level: 3, verdict: 2, count: 5 },
    { action: 'exec', level: 4, verdict: 1, count: 7 },
  ],
  lateVerdicts: 7,
  breakerOpened: 1,
  hashes: { computed: 1_100, remembered: 20_000, unstable: 2, late: 1 },
});

test('each request stands in one answer, by who gave it, or is not answered yet', () => {
  const { actions } = authOutcomesOf(statistics);
  expect(actions).toEqual([
    {
      action: 'open',
      requests: 1_210,
      unanswered: 2,
      answers: [
        { by: 'agent', verdict: 'allow', count: 1_200 },
        { by: 'agent', verdict: 'deny', count: 3 },
        { by: 'static', verdict: 'deny', count: 5 },
      ],
    },
    {
      action: 'exec',
      requests: 7,
      unanswered: 0,
      answers: [{ by: 'default_deadline', verdict: 'allow', count: 7 }],
    },
  ]);
});

test('a person reads who answered what, and what else happened to verdicts', () => {
  expect(authOutcomeLines(authOutcomesOf(statistics))).toEqual([
    'action  answered by       allowed  denied',
    'open    agent               1,200       3',
    'open    static                  0       5',
    'exec    default_deadline        7       0',
    'open: 1,210 asked, 2 not answered yet',
    'exec: 7 asked, each answered once',
    '7 verdicts of the agent came after another answer and were not applied',
    'hashes: 1,100 computed (2 of files open for writing), 20,000 known at once, 1 too late',
    'the agent was found stalled once',
  ]);
});

test('an answer of a level newer than this agent is counted under its number', () => {
  const newer = picket.v1.BridgeStatistics.fromObject({
    requests: [{ action: 'open', count: 1 }],
    answers: [{ action: 'open', level: 99, count: 1 }],
  });
  expect(authOutcomesOf(newer).actions[0]).toMatchObject({ unanswered: 0, answers: [{ by: '99' }] });
});

test('where nothing was asked there is nothing to say', () => {
  expect(authOutcomeLines(authOutcomesOf({}))).toEqual([]);
});
