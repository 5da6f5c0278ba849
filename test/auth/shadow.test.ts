import { afterEach, describe, expect, test } from 'vitest';
import { type Lane, type LaneOptions, startLane } from '../../src/auth/lane.ts';
import { ShadowBudget } from '../../src/auth/shadow-budget.ts';
import { ShadowCounts, shadowCountMemory } from '../../src/auth/shadow-counts.ts';
import type { ShadowDifference, ShadowSink } from '../../src/auth/shadow-difference.ts';
import { compileRules } from '../../src/rules/compile.ts';
import type { RuleDefinition } from '../../src/rules/schema.ts';
import type { ShadowRules } from '../../src/rules/shadow-rules.ts';
import { BridgePeer } from './bridge-peer.ts';
import { authEvent, requestFrame, switchFrame } from './frames.ts';
import { rule, ruleSet } from './rule-sets.ts';

const below = (name: string, prefix: string): RuleDefinition =>
  rule(name, { all: [{ fact: 'file', path: '$.path', operator: 'startsWith', value: prefix }] });

function shadowOf(...rules: RuleDefinition[]): ShadowRules {
  const set = ruleSet(...rules);
  return { ruleSet: set, rules: compileRules(set, { platform: 'linux', lane: 'event' }) };
}

class Heard implements ShadowSink {
  comparisons = 0;
  gaps = 0;
  elsewhere = 0;
  readonly differences = new Map<string, number>();
  readonly samples: string[] = [];

  compared(times: number): void {
    this.comparisons += times;
  }

  notCompared(_why: string, times: number): void {
    this.gaps += times;
  }

  differed(difference: ShadowDifference, times: number): void {
    const text = textOf(difference);
    this.differences.set(text, (this.differences.get(text) ?? 0) + times);
  }

  differedElsewhere(times: number): void {
    this.elsewhere += times;
  }

  sampled(difference: ShadowDifference, event: Uint8Array): void {
    this.samples.push(`${textOf(difference)} ${event.length}`);
  }
}

const textOf = ({ enforced, shadow }: ShadowDifference): string =>
  `${enforced.verdict} ${enforced.rule ?? '-'} / ${shadow.verdict} ${shadow.rule ?? '-'}`;

describe('a lane with a shadow set', () => {
  let peer: BridgePeer;
  let lane: Lane;
  let heard: Heard;
  let id = 0n;

  afterEach(async () => {
    peer.close();
    await lane.ended.catch(() => undefined);
  });

  async function start(options: Partial<LaneOptions>): Promise<void> {
    peer = new BridgePeer();
    heard = new Heard();
    const silent = (): void => undefined;
    lane = startLane({
      requestFifo: peer.requestFifo,
      verdictFifo: peer.verdictFifo,
      ruleSet: ruleSet(below('secrets', '/secrets/'), below('old', '/old/')),
      platform: 'linux',
      epoch: 1,
      log: { debug: silent, info: silent, warn: silent },
      closeConnection: () => peer.close(),
      shadowSink: heard,
      ...options,
    });
    await lane.ready;
  }

  async function ask(path: string, times: number, epoch = 1): Promise<void> {
    const frames = Array.from({ length: times }, () => {
      id += 1n;
      return requestFrame(id, epoch, authEvent(path));
    });
    const wanted = peer.verdicts.length + times;
    await peer.send(Buffer.concat(frames));
    await peer.until(() => peer.verdicts.length >= wanted);
  }

  /** Everything that was answered was compared, or counted as not compared. */
  const allSeen = (count: number): Promise<void> =>
    expect.poll(() => heard.comparisons + heard.gaps, { timeout: 10_000 }).toBe(count);

  test('answers by the enforced set and counts each difference by both rules', async () => {
    await start({ shadow: shadowOf(below('secrets', '/secrets/'), below('new', '/new/')) });
    await ask('/secrets/a', 30); // both deny
    await ask('/old/a', 30); // only the enforced set denies
    await ask('/new/a', 30); // only the shadow set denies
    await ask('/usr/a', 30);
    expect(peer.verdicts.map(({ verdict }) => verdict)).toEqual([
      ...Array(30).fill(2),
      ...Array(30).fill(2),
      ...Array(60).fill(1),
    ]);
    await allSeen(120);
    const gone = heard.differences.get('deny old / allow -') ?? 0;
    const came = heard.differences.get('allow - / deny new') ?? 0;
    expect([...heard.differences.keys()].sort()).toEqual(['allow - / deny new', 'deny old / allow -']);
    // On a machine that stands still the shadow set's time is used up, and that is counted.
    expect(gone + came + heard.gaps).toBeGreaterThanOrEqual(60);
    expect(gone).toBeLessThanOrEqual(30);
    expect(came).toBeLessThanOrEqual(30);
    expect(heard.elsewhere).toBe(0);
  });

  test('passes on the first events of a pair and counts the rest', async () => {
    await start({ shadow: shadowOf(below('new', '/new/')) });
    await ask('/new/a', 50);
    await allSeen(50);
    const counted = heard.differences.get('allow - / deny new') ?? 0;
    expect(counted + heard.gaps).toBe(50);
    expect(heard.samples).toHaveLength(Math.min(3, counted));
    expect(heard.samples[0]).toBe(`allow - / deny new ${authEvent('/new/a').length}`);
  });

  test('leaves what needs json-rules-engine to the main thread, and answers without it', async () => {
    const conditions = {
      all: [{ fact: 'process', path: '$.args[?(@.length > 3)]', operator: 'exists', value: false }],
    };
    await start({ shadow: shadowOf(rule('by-referee', conditions)) });
    await ask('/x', 5);
    expect(peer.verdicts.map(({ verdict }) => verdict)).toEqual(Array(5).fill(1));
    await allSeen(5);
    expect((heard.differences.get('allow - / deny by-referee') ?? 0) + heard.gaps).toBe(5);
  });

  test('goes over to another shadow set with the rules that it came with', async () => {
    await start({ shadow: shadowOf(below('first', '/new/')) });
    await ask('/new/a', 10);
    const second = shadowOf(below('second', '/new/'));
    await lane.prepare(ruleSet(below('secrets', '/secrets/')), 2, second);
    await peer.send(switchFrame(2));
    await peer.until(() => peer.messages.some(({ switched }) => Number(switched?.epoch) === 2));
    await ask('/new/a', 10, 2);
    await allSeen(20);
    const [first, next] = ['allow - / deny first', 'allow - / deny second'].map(
      (text) => heard.differences.get(text) ?? 0,
    ) as [number, number];
    expect(first + next + heard.gaps).toBe(20);
    expect(first).toBeLessThanOrEqual(10);
    expect(next).toBeLessThanOrEqual(10);
    await lane.prepare(ruleSet(), 3);
    await peer.send(switchFrame(3));
    await peer.until(() => peer.messages.some(({ switched }) => Number(switched?.epoch) === 3));
    await ask('/new/a', 10, 3);
    peer.close();
    await lane.ended;
    expect(heard.comparisons + heard.gaps).toBe(20);
  });
});

describe('the counts of a shadow set', () => {
  test('are read as changes, each once', () => {
    const memory = shadowCountMemory();
    const [writer, reader] = [new ShadowCounts(memory), new ShadowCounts(memory)];
    writer.add('compared');
    expect([writer.differed(-1, 0), writer.differed(4, -1), writer.differed(-1, 0)]).toEqual([0, 1, 0]);
    expect(reader.takeChanges()).toEqual({
      compared: 1,
      notCompared: { busy: 0, failed: 0, dropped: 0 },
      otherPairs: 0,
      pairs: [
        { enforced: -1, shadow: 0, times: 2 },
        { enforced: 4, shadow: -1, times: 1 },
      ],
    });
    writer.differed(4, -1);
    expect(reader.takeChanges()).toMatchObject({
      compared: 0,
      pairs: [{ enforced: 4, shadow: -1, times: 1 }],
    });
    expect(reader.takeChanges().pairs).toEqual([]);
  });

  test('hold so many pairs; the differences of all others are one number', () => {
    const counts = new ShadowCounts(shadowCountMemory());
    for (let pair = 0; pair < 1_500; pair += 1) counts.differed(pair, -1);
    for (let pair = 0; pair < 1_500; pair += 1) counts.differed(pair, -1);
    const { otherPairs, pairs } = counts.takeChanges();
    expect(pairs.length).toBeLessThan(1_500);
    expect(pairs.every(({ times }) => times === 2)).toBe(true);
    expect(otherPairs + 2 * pairs.length).toBe(3_000);
  });
});

test('a shadow set that takes too long is left out until a rest has paid for it', () => {
  const budget = new ShadowBudget();
  expect(budget.allows(1_000)).toBe(true);
  budget.spend(500);
  expect(budget.allows(1_500)).toBe(false);
  expect(budget.allows(2_000)).toBe(false);
  expect(budget.allows(4_000)).toBe(true);
  // However long the rest was: no more than a burst.
  expect(budget.allows(1_000_000)).toBe(true);
  budget.spend(30);
  expect(budget.allows(1_000_001)).toBe(false);
});
