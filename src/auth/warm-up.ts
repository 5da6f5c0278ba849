// Before a worker takes its turn it answers some hundred made-up requests, so that the first real one meets compiled
// code and filled caches: the first call of a cold path costs milliseconds, a warm one microseconds.
import Long from 'long';
import { encodeEvent } from '../events/encode-event.ts';
import { picket } from '../events/proto/picket.js';
import type { Platform } from '../events/triggers.ts';
import { type CompiledRules, compileRules } from '../rules/compile.ts';
import type { RootCondition } from '../rules/conditions.ts';
import type { RuleDefinition, RuleSet } from '../rules/schema.ts';
import type { ShadowRules } from '../rules/shadow-rules.ts';
import { answer } from './answer.ts';
import { compare } from './compare.ts';
import { decide } from './decide.ts';
import { LaneReader, maxLaneFrame } from './lane-frames.ts';
import { LaneRing } from './lane-ring.ts';
import { LaneCounters } from './lane-statistics.ts';
import { requests } from './requests.ts';
import { ShadowCounts, shadowCountMemory } from './shadow-counts.ts';
import { ShadowJudge } from './shadow-judge.ts';

const samples = 256;
/** Where tiers of V8's compiler have settled for rule sets of ordinary size. */
const rounds = 12;
const maxTestEvents = 1_024;
/** A rule set whose rounds take longer is warm enough: the switch to it should not wait. */
const maxWarmUpMs = 500;

const executables = [
  '/usr/bin/bash',
  '/usr/bin/python3.11',
  '/usr/sbin/sshd',
  '/opt/app/bin/server',
  '/bin/ls',
];
const folders = [
  '/usr/bin',
  '/etc',
  '/tmp',
  '/home/user/Downloads',
  '/var/lib/app',
  '/usr/lib/x86_64-linux-gnu',
];
const names = ['true', 'passwd', 'tool.sh', 'libc.so.6', 'naïve', '.hidden', 'invoice.pdf.exe', 'a'];

export interface WarmUpOptions {
  readonly ruleSet: RuleSet;
  /** Of `ruleSet`. */
  readonly rules: CompiledRules;
  readonly platform: Platform;
  readonly epoch: number;
  readonly shadow?: ShadowRules | undefined;
}

/** Runs the lane's own pipeline over requests that nobody waits for, with counters that nobody reads. */
export function warmUp(options: WarmUpOptions): void {
  const { ruleSet, rules, platform, epoch, shadow } = options;
  const end = performance.now() + maxWarmUpMs;
  const events = sampleEvents(rules, platform);
  // What only a match runs is met first by a rule that always matches, then by the tests of the rules themselves.
  const matching = compileRules(alwaysMatching(platform), { platform, lane: 'auth' });
  runThrough(matching, undefined, framesOf(events, epoch), epoch, end);
  const own = [
    ...events,
    ...testEvents(ruleSet),
    ...(shadow === undefined ? [] : testEvents(shadow.ruleSet)),
  ];
  const judge = shadow && shadowJudge(ruleSet, shadow, epoch);
  runThrough(rules, judge, framesOf(own, epoch), epoch, end);
}

function shadowJudge(enforced: RuleSet, shadow: ShadowRules, epoch: number): ShadowJudge {
  const counts = new ShadowCounts(shadowCountMemory());
  const ring = new LaneRing();
  return new ShadowJudge({ enforced, shadow: shadow.ruleSet, rules: shadow.rules, epoch, counts, ring });
}

function runThrough(
  rules: CompiledRules,
  shadow: ShadowJudge | undefined,
  frames: readonly Uint8Array[],
  epoch: number,
  endMs: number,
): void {
  const counters = new LaneCounters();
  let next = 0;
  const read = (buffer: Uint8Array, offset: number, length: number): number => {
    const frame = frames[next % frames.length];
    if (frame === undefined || next >= frames.length * rounds || performance.now() > endMs) return 0;
    if (frame.length > length) return 0;
    next += 1;
    buffer.set(frame, offset);
    return frame.length;
  };
  requests({ reader: new LaneReader(), read, counters })
    .pipe(
      decide({ rules, epoch, counters, isPrepared: () => false, onError: () => undefined }),
      answer(() => undefined, counters),
      compare(shadow),
    )
    .subscribe();
}

function alwaysMatching(platform: Platform): RuleSet {
  const conditions: RootCondition = {
    all: [{ fact: 'event', path: '$.action', operator: 'notEqual', value: '' }],
  };
  const rule: RuleDefinition = {
    name: 'warm-up',
    on: ['auth.open', 'auth.exec'],
    platforms: [platform],
    description: '',
    severity: 'low',
    tags: ['warm-up'],
    mode: 'enforce',
    priority: 1,
    conditions,
    own: conditions,
    exceptions: [],
    event: { type: 'deny', params: {} },
    tests: [],
    references: [],
    falsePositives: [],
    place: { file: '', line: 0, column: 0 },
  };
  return { rules: [rule], conditions: {}, lists: {} };
}

/** The events of the rules' own tests: what their conditions look for. A wrong one is the rule tester's affair. */
function testEvents(ruleSet: RuleSet): Uint8Array[] {
  const events: Uint8Array[] = [];
  for (const { given, on } of ruleSet.rules.flatMap((rule) => rule.tests)) {
    if (events.length === maxTestEvents) break;
    if (!on.startsWith('auth.')) continue;
    try {
      const event = encodeEvent({ ...given, picket: { ...given.picket, trigger: on } });
      if (event.length < maxLaneFrame / 2) events.push(event);
    } catch {
      // It can't be encoded: nothing to warm up with.
    }
  }
  return events;
}

function framesOf(events: readonly Uint8Array[], epoch: number): Uint8Array[] {
  return events.map((event, index) => {
    const id = Long.fromNumber(index + 1, true);
    const authRequest = { id, epoch: Long.fromNumber(epoch, true), budgetUs: 100_000, event };
    const message = picket.v1.LaneToAgent.encode({ authRequest }).finish();
    const frame = Buffer.alloc(4 + message.length);
    frame.writeUInt32LE(message.length);
    frame.set(message, 4);
    return frame;
  });
}

function sampleEvents(rules: CompiledRules, platform: Platform): Uint8Array[] {
  const ofRules = rules.triggers().filter((trigger) => trigger.startsWith('auth.'));
  const actions =
    ofRules.length > 0 ? ofRules.map((trigger) => trigger.slice('auth.'.length)) : ['open', 'exec'];
  return Array.from({ length: samples }, (_, index) =>
    picket.v1.Event.encode(sampleEvent(pick(actions, index), platform, index)).finish(),
  );
}

function sampleEvent(action: string, platform: Platform, index: number): picket.v1.Event.$Properties {
  const path = Buffer.from(`${pick(folders, index >> 3)}/${pick(names, index)}`);
  const actor: picket.v1.Process.$Properties = {
    executable: Buffer.from(pick(executables, index)),
    pid: 1_000 + index,
    entityId: `${1_000 + index}-1700000000000000000`,
    args: [Buffer.from('tool'), Buffer.from('--flag')],
    workingDirectory: Buffer.from('/home/user'),
    startNs: Long.fromString('1700000000000000000', true),
    user: { id: index % 4 === 0 ? 0 : 1_000, name: Buffer.from(index % 4 === 0 ? 'root' : 'user') },
    parent: { executable: Buffer.from(pick(executables, index >> 2)), pid: 900 },
    codeSignature: { exists: index % 2 === 0, signingId: Buffer.from('com.example.tool') },
  };
  return {
    createdNs: Long.fromString('1700000000000000000', true),
    kind: picket.v1.EventKind.EVENT_KIND_AUTH,
    action,
    platform: platform === 'macos' ? picket.v1.Platform.PLATFORM_MACOS : picket.v1.Platform.PLATFORM_LINUX,
    provider: platform === 'macos' ? 'endpoint-security' : 'fanotify',
    process: action === 'exec' ? { ...actor, executable: path, previous: actor } : actor,
    file: {
      path,
      inode: Long.fromNumber(index, true),
      size: Long.fromNumber(4_096, true),
      mode: 0o100_755,
      links: 1,
    },
    ...(action === 'exec' ? { exec: { stage: picket.v1.Exec.Stage.STAGE_PROGRAM } } : {}),
  };
}

function pick(choices: readonly string[], index: number): string {
  return choices[index % choices.length] ?? '';
}
