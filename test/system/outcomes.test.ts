// What became of every request: by the bridge's own count, by the openers', and by the stream, while agents come and go.
import { spawnSync } from 'node:child_process';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { askBridge } from '../../src/control/ask-bridge.ts';
import { picket } from '../../src/events/proto/picket.js';
import type { ActionOutcomes, AuthOutcomes } from '../../src/observe/auth-outcomes.ts';
import { agentConfig, startAgent, USUAL_BUDGET_MS, writeRules } from './harness/agent.ts';
import { type RunningBridge, socketOf, startBridge } from './harness/bridge.ts';
import { Cleanup } from './harness/cleanup.ts';
import type { NatsServer } from './harness/nats.ts';
import { errorOfOpen, startOpener } from './harness/opener.ts';
import type { Running } from './harness/process.ts';
import { makeScratch, type Scratch } from './harness/scratch.ts';
import { doubles, type StoredEvent, startStream, waitForStored } from './harness/stream.ts';
import { waitFor } from './harness/wait.ts';

const { VERDICT_DENY } = picket.v1.Verdict;
const { EVENT_KIND_AUTH } = picket.v1.EventKind;
const levels = picket.v1.AnswerLevel;
/** Whose answer needs no rule: its name says why. */
const DEFAULTS: readonly unknown[] = [
  levels.ANSWER_LEVEL_DEFAULT_DEADLINE,
  levels.ANSWER_LEVEL_DEFAULT_BREAKER,
  levels.ANSWER_LEVEL_DEFAULT_NO_AGENT,
  levels.ANSWER_LEVEL_OVERLOAD,
];

let cleanup: Cleanup;
let scratch: Scratch;
let bridge: RunningBridge;
let nats: NatsServer;

beforeEach(async () => {
  cleanup = new Cleanup();
  scratch = makeScratch(cleanup);
  nats = await startStream(cleanup);
  bridge = await startBridge(cleanup, scratch);
});

afterEach(() => cleanup.run());

/** Only the agent can decide by size. */
function deny(on: string, name: string): unknown {
  const bySize = { fact: 'file', path: '$.size', operator: 'greaterThan', value: 0 };
  const byName = { fact: 'file', path: '$.name', operator: 'equal', value: name };
  return { name: `deny-${name}`, on: [on], conditions: { all: [byName, bySize] }, event: { type: 'deny' } };
}

function denyPath(path: string): unknown {
  const byPath = { fact: 'file', path: '$.path', operator: 'equal', value: path };
  return { name: 'deny-sealed', on: ['auth.open'], conditions: { all: [byPath] }, event: { type: 'deny' } };
}

function start(
  rules: readonly unknown[],
  defaults: { open: 'allow' | 'deny'; exec: 'allow' | 'deny' },
): Promise<Running> {
  const max_wait_ms = { open: USUAL_BUDGET_MS, exec: USUAL_BUDGET_MS };
  return startAgent(
    cleanup,
    agentConfig(scratch, {
      rules: writeRules(scratch, rules),
      nats: nats.url,
      more: { guard: { filesystems: [scratch.mount], new_mounts: 'ignore', max_wait_ms, defaults } },
    }),
  );
}

/** As `picket status` is told. */
async function outcomesNow(): Promise<AuthOutcomes | undefined> {
  return (await askBridge({ socketPath: socketOf(scratch), command: 'status' })).outcomes;
}

function settledOutcomes(): Promise<AuthOutcomes> {
  return waitFor('each request to be answered', async () => {
    const outcomes = await outcomesNow();
    return outcomes?.actions.every(({ unanswered }) => unanswered === 0) && outcomes;
  });
}

function countOf({ answers }: ActionOutcomes, wanted: { by?: string; verdict?: string }): number {
  return answers
    .filter(({ by, verdict }) => by === (wanted.by ?? by) && verdict === (wanted.verdict ?? verdict))
    .reduce((sum, { count }) => sum + count, 0);
}

/** Its parts are its whole, and only who asked the agent waited for it. */
function expectExplained({ message: { auth } }: StoredEvent): void {
  const { bridgeUs, queueUs, laneUs, answeredUs, budgetUs, budgetPercent } = picket.v1.AuthOutcome.fromObject(
    auth ?? {},
  );
  expect(bridgeUs + queueUs + laneUs, JSON.stringify(auth)).toBe(answeredUs);
  expect(budgetPercent).toBe(budgetUs === 0 ? 0 : Math.ceil((answeredUs / budgetUs) * 100));
  if (auth?.level === levels.ANSWER_LEVEL_STATIC) expect([budgetUs, queueUs, laneUs]).toEqual([0, 0, 0]);
  if (auth?.level === levels.ANSWER_LEVEL_AGENT) expect(auth.rule).toBe('deny-denied');
}

function nameless(events: readonly StoredEvent[]): StoredEvent[] {
  return events.filter(
    ({ message: { auth } }) =>
      auth?.verdict === VERDICT_DENY && auth.rule === '' && !DEFAULTS.includes(auth.level),
  );
}

test('each request has exactly one outcome, whatever becomes of agents, and each denial has a name', async () => {
  const sealed = scratch.file('sealed');
  const denied = scratch.file('denied');
  const allowed = scratch.file('allowed');
  const rules = [deny('auth.open', 'denied'), denyPath(sealed)];
  const defaults = { open: 'allow', exec: 'allow' } as const;
  const first = await start(rules, defaults);
  const openers = [[allowed], [denied], [sealed], [allowed, denied]].map((paths) =>
    startOpener(cleanup, { paths, threads: 2, seconds: 60, pauseUs: 3_000 }),
  );
  await delay(500);
  first.signal('SIGKILL');
  await delay(300);
  const second = await start(rules, defaults);
  second.signal('SIGSTOP');
  await waitFor('the breaker to open', async () => (await outcomesNow())?.isBreakerOpen);
  second.signal('SIGCONT');
  await waitFor('the breaker to close', async () => (await outcomesNow())?.isBreakerOpen === false);
  await start(rules, defaults);
  await delay(300);
  const reports = await Promise.all(openers.map((opener) => opener.stop()));
  const sum = (key: 'calls' | 'ok' | 'denied'): number =>
    reports.reduce((total, report) => total + report[key], 0);

  const outcomes = await settledOutcomes();
  const opens = outcomes.actions.find(({ action }) => action === 'open');
  if (opens === undefined) throw new Error('no open was asked about');
  expect(opens.requests, 'what the bridge was asked is what the openers called').toBe(sum('calls'));
  expect(countOf(opens, {})).toBe(opens.requests);
  expect(countOf(opens, { verdict: 'deny' })).toBe(sum('denied'));
  expect(countOf(opens, { verdict: 'allow' })).toBe(sum('ok'));
  expect(countOf(opens, { by: 'static', verdict: 'deny' })).toBe(reports[2]?.calls);
  // An answer that is given twice finds nobody who waits.
  expect(outcomes.unheardAnswers).toBe(0);
  expect(outcomes.breakerOpened).toBeGreaterThan(0);
  for (const by of ['agent', 'default_no_agent', 'default_breaker'])
    expect(countOf(opens, { by }), by).toBeGreaterThan(0);

  const isDenial = ({ message }: StoredEvent): boolean => message.auth?.verdict === VERDICT_DENY;
  const stored = await waitForStored(
    nats,
    'each denial',
    ({ events, losses }) =>
      events.filter(isDenial).length +
        losses
          .filter(({ kind }) => kind === EVENT_KIND_AUTH)
          .reduce((n, loss) => n + Number(loss.count), 0) >=
      sum('denied'),
  );
  expect(doubles(stored.events)).toEqual([]);
  const audits = stored.events.filter(({ message }) => message.auth);
  for (const audit of audits) expectExplained(audit);
  const byAgent = audits.filter(({ message }) => message.auth?.level === levels.ANSWER_LEVEL_AGENT);
  for (const part of ['bridgeUs', 'queueUs', 'laneUs'] as const)
    expect(Math.max(...byAgent.map(({ message }) => message.auth?.[part] ?? 0)), part).toBeGreaterThan(0);
  expect(nameless(stored.events)).toEqual([]);
});

test('the default is each type’s own: a program is not started, a file opens, when nobody answers', async () => {
  const program = scratch.program('program');
  const file = scratch.file('file');
  const rules = [deny('auth.open', 'nothing'), deny('auth.exec', 'nothing-either')];
  const run = (): unknown => (spawnSync(program).error as NodeJS.ErrnoException | undefined)?.code;
  const closed = await start(rules, { open: 'allow', exec: 'deny' });
  expect([run(), errorOfOpen(file)]).toEqual([undefined, 'none']);
  closed.signal('SIGKILL');
  await waitFor('the end of the agent', () => bridge.stderr().includes('the agent is gone'));
  expect([run(), errorOfOpen(file)]).toEqual(['EPERM', 'none']);

  const open = await start(rules, { open: 'deny', exec: 'allow' });
  expect([run(), errorOfOpen(file)]).toEqual([undefined, 'none']);
  open.signal('SIGKILL');
  await waitFor('its end', () => bridge.stderr().split('the agent is gone').length > 2);
  expect(errorOfOpen(file)).toBe('EPERM');
  const { actions } = await settledOutcomes();
  const denied = actions.map((one) => [
    one.action,
    countOf(one, { by: 'default_no_agent', verdict: 'deny' }),
  ]);
  expect(denied.toSorted()).toEqual([
    ['exec', 1],
    ['open', 1],
  ]);
  // Who stops an agent must find out what was denied in its absence, and why.
  await start(rules, { open: 'allow', exec: 'allow' });
  const { events } = await waitForStored(
    nats,
    'both denials',
    (stored) => stored.events.filter(({ message }) => message.auth?.verdict === VERDICT_DENY).length === 2,
  );
  expect(nameless(events)).toEqual([]);
});
