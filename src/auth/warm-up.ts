// Before a worker takes its turn it answers some hundred made-up requests, so that the first real one meets compiled
// code and filled caches: the first call of a cold path costs milliseconds, a warm one microseconds.
import Long from 'long';
import { picket } from '../events/proto/picket.js';
import type { Platform } from '../events/triggers.ts';
import type { CompiledRules } from '../rules/compile.ts';
import { answer } from './answer.ts';
import { decide } from './decide.ts';
import { LaneReader } from './lane-frames.ts';
import { LaneCounters } from './lane-statistics.ts';
import { requests } from './requests.ts';

const samples = 256;
/** Where tiers of V8's compiler have settled for rule sets of ordinary size. */
const rounds = 12;
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

/** Runs the lane's own pipeline over made-up requests, with counters that nobody reads. Errors are ignored here. */
export function warmUp(rules: CompiledRules, platform: Platform, epoch: number): void {
  const frames = sampleFrames(rules, platform, epoch);
  const counters = new LaneCounters();
  const end = performance.now() + maxWarmUpMs;
  let next = 0;
  const read = (buffer: Uint8Array, offset: number, length: number): number => {
    const frame = frames[next % frames.length];
    if (frame === undefined || next >= frames.length * rounds || performance.now() > end) return 0;
    next += 1;
    buffer.set(frame.subarray(0, length), offset);
    return frame.length;
  };
  requests({ reader: new LaneReader(), read, counters })
    .pipe(
      decide({ rules, epoch, counters, isPrepared: () => false, onError: () => undefined }),
      answer(() => undefined, counters),
    )
    .subscribe();
}

function sampleFrames(rules: CompiledRules, platform: Platform, epoch: number): Uint8Array[] {
  const ofRules = rules.triggers().filter((trigger) => trigger.startsWith('auth.'));
  const actions =
    ofRules.length > 0 ? ofRules.map((trigger) => trigger.slice('auth.'.length)) : ['open', 'exec'];
  const frames: Uint8Array[] = [];
  for (let index = 0; index < samples; index += 1) {
    const event = sampleEvent(pick(actions, index), platform, index);
    const message = picket.v1.LaneToAgent.encode({
      authRequest: {
        id: Long.fromNumber(index + 1, true),
        epoch: Long.fromNumber(epoch, true),
        budgetUs: 100_000,
        event: picket.v1.Event.encode(event).finish(),
      },
    }).finish();
    const frame = Buffer.alloc(4 + message.length);
    frame.writeUInt32LE(message.length);
    frame.set(message, 4);
    frames.push(frame);
  }
  return frames;
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
