import Long from 'long';
import { Subject } from 'rxjs';
import { beforeEach, describe, expect, test } from 'vitest';
import { picket } from '../../src/events/proto/picket.js';
import type { DecidedBatch, FlowEvent } from '../../src/operators/flow.ts';
import { type WatchedRules, watchDenials } from '../../src/probation/denial-watch.ts';
import { DenialCount, type DeniedPrograms } from '../../src/probation/denied-programs.ts';
import { compileRules } from '../../src/rules/compile.ts';
import { parseRules, requireRuleSet } from '../../src/rules/load.ts';
import { damagedEvent, type EventFields, flowBatch, flowEvent } from '../operators/event-fixtures.ts';

const { VERDICT_DENY } = picket.v1.Verdict;
const { EVENT_KIND_AUTH } = picket.v1.EventKind;
const EPOCH = 7;
const MAX = 2;

let batches: Subject<DecidedBatch>;
let passed: DecidedBatch[];
let found: DeniedPrograms[];
let rules: WatchedRules;

/** Denies /old…, and /filtered by a condition that json-rules-engine alone can evaluate. */
const trusted = requireRuleSet(
  parseRules([
    {
      file: 'trusted.yaml',
      text: `
- name: old
  on: [auth.exec]
  conditions: { all: [{ fact: process, path: $.executable, operator: startsWith, value: /old }] }
  event: { type: deny }
- name: filtered
  on: [auth.exec]
  conditions:
    all:
      - { fact: process, path: $.executable, operator: startsWith, value: /filtered }
      - { fact: process, path: '$[?(@property == "executable")]', operator: contains, value: /filtered }
  event: { type: deny }
`,
    },
  ]),
);

beforeEach(() => {
  batches = new Subject();
  passed = [];
  found = [];
  rules = {
    epoch: EPOCH,
    sinceNs: 0n,
    trusted: compileRules(trusted, { platform: 'linux' }),
    trustedDenies: new Set(['auth.exec']),
    count: new DenialCount(MAX),
    onExcess: (denied) => found.push(denied),
  };
  batches.pipe(watchDenials(() => [rules])).subscribe((batch) => passed.push(batch));
});

interface DenyFields extends EventFields {
  readonly rule?: string;
  readonly epoch?: number;
}

function deny(executable: string, { rule = 'new', epoch = EPOCH, ...fields }: DenyFields = {}): FlowEvent {
  const auth = { verdict: VERDICT_DENY, rule, epoch: Long.fromNumber(epoch), annotated: true };
  const event = flowEvent(1, { kind: EVENT_KIND_AUTH, action: 'exec', executable, auth, ...fields });
  return { ...event, decision: { verdict: 'deny', rules: [], tags: [], hasAlerts: false } };
}

function push(...events: FlowEvent[]): void {
  const batch = { ...flowBatch(events), alerts: [] };
  batches.next(batch);
  expect(passed.at(-1)).toBe(batch);
}

describe('denies of rules on probation', () => {
  test('count by program, and the excess is told once', () => {
    push(deny('/a'), deny('/a'), deny('/b'));
    expect(found).toEqual([]);
    push(deny('/c'), deny('/d'));
    expect(found).toEqual([{ programs: ['/a', '/b', '/c'], rules: ['new'] }]);
  });

  test('do not count where the trusted rules deny, too', () => {
    push(...['/old1', '/old2', '/old3', '/old4', '/a', '/b'].map((program) => deny(program)));
    expect(found).toEqual([]);
  });

  test('are held against the trusted rules by json-rules-engine where it is needed', async () => {
    push(deny('/filtered'), deny('/a'), deny('/b'));
    await new Promise((resolve) => setImmediate(resolve));
    expect(found).toEqual([]);
    push(deny('/c'));
    await expect.poll(() => found.length).toBe(1);
  });

  test('of another epoch, and of one that an agent before numbered so, do not count', () => {
    rules = { ...rules, sinceNs: 1n };
    push(deny('/a'), deny('/b'), deny('/c'));
    expect(found).toEqual([]);
    rules = { ...rules, sinceNs: 0n };
    push(deny('/a'), deny('/b'), deny('/c', { epoch: EPOCH - 1 }), deny('/d', { epoch: EPOCH + 1 }));
    expect(found).toEqual([]);
  });

  test('that were defaults count only where the trusted rules could not have led to one', () => {
    const defaults = ['/a', '/b', '/c'].map((program) => deny(program, { rule: '' }));
    push(...defaults);
    expect(found).toEqual([]);
    rules = { ...rules, trustedDenies: new Set() };
    push(...defaults);
    expect(found).toEqual([{ programs: ['/a', '/b', '/c'], rules: [] }]);
  });

  test('of damaged events end nothing', () => {
    const damaged = ['/a', '/b', '/c'].map((executable) => ({ ...deny(executable), ...damagedEvent(1) }));
    const auth = picket.v1.Event.encode({
      auth: { verdict: VERDICT_DENY, epoch: Long.fromNumber(EPOCH), rule: 'new' },
    }).finish();
    push(
      ...damaged.map((event) => ({
        ...event,
        kind: EVENT_KIND_AUTH,
        bytes: Buffer.concat([event.bytes, auth]),
      })),
    );
    push(deny('/a'), deny('/b'), deny('/c'));
    expect(found).toHaveLength(1);
  });
});

test('allowed events and events told after the fact are no denies', () => {
  push(
    ...['/a', '/b', '/c'].map((executable) => flowEvent(1, { executable, auth: { verdict: VERDICT_DENY } })),
  );
  push(
    ...['/a', '/b', '/c'].map((executable) => ({
      ...deny(executable),
      decision: { verdict: 'allow' as const, rules: [], tags: [], hasAlerts: false },
    })),
  );
  expect(found).toEqual([]);
});
