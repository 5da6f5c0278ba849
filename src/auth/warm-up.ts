// What a worker answers before it takes its turn: some thousand requests that nobody waits for, so that the first real one
// meets compiled code and filled caches. The first call of a cold path costs milliseconds, a warm one microseconds.
import Long from 'long';
import { encodeEvent } from '../events/encode-event.ts';
import { picket } from '../events/proto/picket.js';
import type { Platform } from '../events/triggers.ts';
import { type CompiledRules, compileRules } from '../rules/compile.ts';
import type { RootCondition } from '../rules/conditions.ts';
import type { RuleDefinition, RuleSet } from '../rules/schema.ts';
import { answer } from './answer.ts';
import { decide } from './decide.ts';
import { LaneFeed, type LaneFeedOptions } from './lane-feed.ts';
import { LaneReader, maxLaneFrame } from './lane-frames.ts';
import { LaneCounters } from './lane-statistics.ts';
import { requests } from './requests.ts';

const samples = 256;
const maxTestEvents = 1_024;
/** Every so many reads one yields several requests. */
const readsToABatch = 8;
const batchSize = 4;

/** Where tiers of V8's compiler have settled: measured by `npm run bench -- lane`, first requests beside later ones. */
const warmReads = 8_000;
/** A rule set that takes longer is warm enough: the switch to it should not wait. */
const maxCpuUs = 500_000;
/** Of matches of all kinds; most requests match nothing. */
const matchingReads = 2_000;

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
  readonly shadow: RuleSet | undefined;
}

/** What a LaneFeed goes through before it serves. */
export type WarmUp = Pick<LaneFeedOptions, 'reads' | 'warmReads' | 'maxCpuUs'>;

/** What only a match runs is met here by a rule that always matches; the rest is the feed's, with the rules themselves. */
export function warmUp({ ruleSet, rules, platform, epoch, shadow }: WarmUpOptions): WarmUp {
  const events = sampleEvents(rules, platform);
  const matching = compileRules(alwaysMatching(platform), { platform, lane: 'auth' });
  runThrough(matching, { reads: readsOf(events, epoch), warmReads: matchingReads, maxCpuUs }, epoch);
  const own = [...events, ...testEvents(ruleSet), ...(shadow === undefined ? [] : testEvents(shadow))];
  return { reads: readsOf(own, epoch), warmReads, maxCpuUs };
}

function runThrough(rules: CompiledRules, warming: WarmUp, epoch: number): void {
  const counters = new LaneCounters();
  const feed = new LaneFeed({ ...warming, onWarm: () => undefined });
  requests({ reader: new LaneReader(), read: (...to) => feed.read(...to), counters })
    .pipe(
      decide({ rules, epoch, counters, isPrepared: () => false, onError: () => undefined }),
      answer((bytes, length) => feed.write(bytes, length), counters),
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

function readsOf(events: readonly Uint8Array[], epoch: number): Uint8Array[] {
  const frames = events.map((event, index) => frameOf(event, index, epoch));
  return frames.map((frame, index) => {
    if (index % readsToABatch > 0) return frame;
    const batch = Buffer.concat(frames.slice(index, index + batchSize));
    return batch.length <= maxLaneFrame ? batch : frame;
  });
}

function frameOf(event: Uint8Array, index: number, epoch: number): Uint8Array {
  const id = Long.fromNumber(index + 1, true);
  const authRequest = { id, epoch: Long.fromNumber(epoch, true), budgetUs: 100_000, event };
  const message = picket.v1.LaneToAgent.encode({ authRequest }).finish();
  const frame = Buffer.alloc(4 + message.length);
  frame.writeUInt32LE(message.length);
  frame.set(message, 4);
  return frame;
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
