import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Long from 'long';
import pino from 'pino';
import { Subject, type Subscription } from 'rxjs';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { LaneError } from '../src/auth/lane-error.ts';
import { defaultConfig } from '../src/config/load.ts';
import { picket } from '../src/events/proto/picket.js';
import type { DecidedBatch } from '../src/operators/flow.ts';
import { RulesInForce } from '../src/rules-in-force.ts';
import { Notices } from '../src/sources/notices.ts';
import type { PolicyRevision } from '../src/sources/policy-revision.ts';
import { flowBatch, flowEvent } from './operators/event-fixtures.ts';

let folder: string;
let lines: string[];
let notices: Notices;
let rules: RulesInForce;
let offered: PolicyRevision[];
let connection: Subscription;
let reloads: Subscription;
let reload: Subject<void>;
let decided: Subject<DecidedBatch>;
let watching: Subscription;

const deny = (name: string, prefix: string): string => `
- name: ${name}
  on: [auth.exec]
  conditions: { all: [{ fact: process, path: $.executable, operator: startsWith, value: ${prefix} }] }
  event: { type: deny }
`;

const write = (...texts: string[]): void => writeFileSync(join(folder, 'rules.yaml'), texts.join(''));

async function load(stateDir?: string): Promise<void> {
  const base = defaultConfig();
  const config = {
    ...base,
    agent: { ...base.agent, state_dir: stateDir },
    rules: { ...base.rules, paths: [folder], platform: 'linux' as const },
    guard: { ...base.guard, probation_max_programs: 2 },
  };
  const log = pino({ level: 'info' }, { write: (line: string) => void lines.push(JSON.parse(line).msg) });
  notices = new Notices();
  rules = await RulesInForce.load({ config, version: '1', log, onFiles: () => undefined, notices });
  reload = new Subject();
  reloads = rules.reloads(reload).subscribe();
  decided = new Subject();
  watching = decided.pipe(rules.watchDenials()).subscribe();
  connect();
}

function connect(): void {
  offered = [];
  connection = rules.revisions.subscribe((revision) => offered.push(revision));
}

/** What the bridge says to the newest offer. */
function answer(error = ''): void {
  const revision = offered.at(-1);
  if (revision === undefined) throw new Error('nothing is on offer');
  rules.answered(revision, { epoch: revision.epoch, unguarded: [], error });
}

async function offer(...texts: string[]): Promise<void> {
  const before = offered.length;
  write(...texts);
  reload.next();
  await expect.poll(() => offered.length).toBe(before + 1);
}

function denied(epoch: number, ...programs: string[]): void {
  const events = programs.map((executable) => ({
    ...flowEvent(1, {
      kind: picket.v1.EventKind.EVENT_KIND_AUTH,
      action: 'exec',
      executable,
      createdMs: Date.now() + 1_000,
      auth: { verdict: picket.v1.Verdict.VERDICT_DENY, rule: 'r', epoch: Long.fromNumber(epoch) },
    }),
    decision: { verdict: 'deny' as const, rules: [], tags: [], hasAlerts: false },
  }));
  decided.next({ ...flowBatch(events), alerts: [] });
}

/** The enforced deny rules of what is on offer. */
const denies = (): (string[] | undefined)[] =>
  offered.map(({ ruleSet }) =>
    ruleSet.rules
      .filter(({ mode, event }) => mode === 'enforce' && event.type === 'deny')
      .map(({ name }) => name),
  );

const states = (): (string | undefined | null)[] => {
  const sent: Uint8Array[] = [];
  notices.toSend.subscribe((event) => sent.push(event)).unsubscribe();
  return sent.map((event) => picket.v1.Event.decode(event).ruleSet?.state);
};

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'picket-in-force-'));
  lines = [];
  write(deny('old', '/old'));
});

afterEach(() => {
  vi.useRealTimers();
  for (const subscription of [connection, reloads, watching]) subscription.unsubscribe();
  rmSync(folder, { recursive: true, force: true });
});

describe('rules that deny too much', () => {
  test('are held back by the next epoch; a connection that begins before the bridge has it begins with it', async () => {
    await load();
    answer();
    await offer(deny('old', '/old'), deny('new', '/'));
    answer();
    denied(2, '/a', '/b', '/old', '/c');
    expect(offered.map(({ epoch }) => epoch)).toEqual([1, 2, 3]);
    expect(denies()).toEqual([['old'], ['old', 'new'], ['old']]);
    connection.unsubscribe();
    connect();
    expect(offered.map(({ epoch }) => epoch)).toEqual([3]);
    expect(states()).toEqual(['shadowed']);
  });

  test('are held back also before the answer of the bridge is here', async () => {
    await load();
    answer();
    await offer(deny('old', '/old'), deny('new', '/'));
    denied(2, '/a', '/b', '/c');
    expect(denies().at(-1)).toEqual(['old']);
    const [, bad] = offered;
    if (bad !== undefined) rules.answered(bad, { epoch: bad.epoch, unguarded: [], error: '' });
    connection.unsubscribe();
    connect();
    expect(denies(), 'a late answer brings nothing back').toEqual([['old']]);
  });

  test('are not, once newer files are on offer, unless the bridge refuses those', async () => {
    await load();
    answer();
    await offer(deny('old', '/old'), deny('new', '/'));
    answer();
    await offer(deny('old', '/old'), deny('newer', '/newer'));
    denied(2, '/a', '/b', '/c');
    expect(denies().at(-1)).toEqual(['old', 'newer']);
    answer('no such filesystem');
    expect(offered.map(({ epoch }) => epoch)).toEqual([1, 2, 3, 4]);
    expect(denies().at(-1)).toEqual(['old']);
    expect(states()).toEqual(['shadowed']);
  });

  test('are held back again and again, if the bridge refuses', async () => {
    await load();
    answer();
    await offer(deny('old', '/old'), deny('new', '/'));
    answer();
    denied(2, '/a', '/b', '/c');
    answer('a filesystem is away');
    await expect.poll(() => offered.length).toBe(4);
    expect(offered.at(-1)).toMatchObject({ epoch: 4 });
    expect(denies().at(-1)).toEqual(['old']);
    answer();
    expect(states()).toEqual(['shadowed']);
  });

  test('leave the rules before them trusted: a second edit does not make the first one good', async () => {
    await load();
    answer();
    await offer(deny('old', '/old'), deny('new', '/'));
    answer();
    await offer(deny('old', '/old'), deny('new', '/'), deny('more', '/more'));
    answer();
    denied(3, '/a', '/b', '/c');
    expect(denies().at(-1)).toEqual(['old']);
  });

  test('stay held back when one of their exceptions expires; others then deny what it covered', async () => {
    vi.useFakeTimers({ toFake: ['Date', 'setTimeout', 'clearTimeout', 'setInterval', 'clearInterval'] });
    const HOUR_MS = 3_600_000;
    const inAnHour = (): string => new Date(Date.now() + HOUR_MS).toISOString();
    const exception = (rule: string, expires: string): string =>
      `exceptions: [{ rule: ${rule}, name: e, reason: r, expires: "${expires}", conditions: { any: [{ fact: process, path: $.executable, operator: equal, value: /old/a }] } }]`;
    const isExcepted = (): boolean[] =>
      (offered.at(-1)?.ruleSet.rules ?? []).map(({ conditions, own }) => conditions !== own);
    writeFileSync(join(folder, 'exceptions.yaml'), exception('old', inAnHour()));
    await load();
    answer();
    expect(isExcepted()).toEqual([true]);
    vi.advanceTimersByTime(HOUR_MS + 1);
    await expect.poll(() => offered.length).toBe(2);
    expect(isExcepted()).toEqual([false]);
    answer();

    writeFileSync(join(folder, 'exceptions.yaml'), exception('new', inAnHour()));
    await offer(deny('old', '/old'), deny('new', '/'));
    answer();
    denied(3, '/a', '/b', '/c');
    expect(denies().at(-1)).toEqual(['old']);
    vi.advanceTimersByTime(HOUR_MS + 1);
    const isTold = (): boolean => lines.includes('the exception `e` of new has expired');
    await expect.poll(isTold).toBe(true);
    expect(denies().at(-1)).toEqual(['old']);
    await offer(deny('old', '/old'), deny('new', '/b'));
    expect(denies().at(-1)).toEqual(['old', 'new']);
  });

  test('are asked about in shadow mode, and no deadline and no overload denies for their sake', async () => {
    write('[]');
    await load();
    answer();
    await offer(deny('new', '/'));
    answer();
    denied(2, '/a', '/b', '/c');
    const { policy } = offered.at(-1) ?? {};
    expect(policy?.subscriptions).toMatchObject([{ action: 'exec' }]);
    expect(policy?.staticVerdicts).toEqual([]);
    expect(policy?.denyReach).toMatchObject([{ action: 'exec', tests: [{ values: [] }] }]);
  });
});

describe('an auth lane that dies', () => {
  const died = (epoch: number) => rules.laneFailed(new LaneError('crashed', epoch, 'out of memory'));

  test('twice of rules on probation has them set aside for those before', async () => {
    await load();
    answer();
    await offer(deny('new', '/'));
    answer();
    died(2);
    died(2);
    await expect.poll(() => offered.length).toBe(3);
    expect(denies().at(-1)).toEqual(['old']);
    expect(states()).toEqual(['set_aside']);
    reload.next();
    await expect.poll(() => lines.some((line) => line.includes('set aside before'))).toBe(true);
    expect(offered).toHaveLength(3);
  });

  test('of the first rules, with no others to stand in, has them deny nothing', async () => {
    await load();
    died(1);
    died(1);
    await expect.poll(() => offered.length).toBe(2);
    expect(denies().at(-1)).toEqual([]);
    connection.unsubscribe();
    connect();
    expect(denies()).toEqual([[]]);
  });

  test('once, or of rules that another epoch has replaced, or by a broken connection, changes nothing', async () => {
    await load();
    answer();
    await offer(deny('new', '/'));
    answer();
    died(2);
    died(1);
    died(1);
    rules.laneFailed(new LaneError('not_opened', 2, 'no FIFO'));
    rules.laneFailed(new Error('something'));
    await new Promise((resolve) => setImmediate(resolve));
    expect(offered).toHaveLength(2);
  });
});

test('rules on trial are on disk before they are offered, and forgiven by an orderly end', async () => {
  const memory = join(folder, '.memory');
  await load(memory);
  await rules.close();
  for (let life = 0; life < 3; life++) {
    await load(memory);
    expect(denies()).toEqual([['old']]);
    await rules.close();
  }
});
