// The bridge's side of the auth lane's FIFOs, in C, for benchmarks of the lane: how it is built, and what it asks.
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import Long from 'long';
import { picket } from '../src/events/proto/picket.js';
import { parseRules, requireRuleSet } from '../src/rules/load.ts';
import type { RuleSet } from '../src/rules/schema.ts';
import { requestFrame } from '../test/auth/frames.ts';
import { realisticRules } from './rule-sets.ts';

export function buildPeer(folder: string): string {
  const source = new URL('./native/lane_peer.c', import.meta.url).pathname;
  const program = join(folder, 'lane_peer');
  const flags = ['-std=c11', '-D_GNU_SOURCE', '-O2', '-Wall', '-Wextra', '-Werror'];
  execFileSync('cc', [...flags, '-o', program, source], { stdio: 'inherit' });
  return program;
}

export interface Fifos {
  readonly requests: string;
  readonly verdicts: string;
}

export function makeFifos(folder: string, name: string): Fifos {
  const fifos = { requests: join(folder, `${name}.requests`), verdicts: join(folder, `${name}.verdicts`) };
  execFileSync('/usr/bin/mkfifo', [fifos.requests, fifos.verdicts]);
  return fifos;
}

export function realisticSet(count: number): RuleSet {
  const rules = realisticRules(count, { staticallyDenied: '/nothing/is/denied/statically' });
  return requireRuleSet(parseRules([{ file: 'bench.json', text: JSON.stringify(rules) }]));
}

const programs = ['bash', 'python3.11', 'node', 'cc1', 'ld', 'git', 'sshd', 'cron', 'perl', 'make'];
const folders = ['/usr/lib/x86_64-linux-gnu', '/usr/include/linux', '/home/ada/src', '/etc', '/var/lib/dpkg'];

/** Requests with all that the Linux bridge sends; of those in which a rule matches one in a hundred. */
export function requestFrames(count: number, epoch: number): Buffer[] {
  return Array.from({ length: count }, (_, index) => {
    const id = BigInt(index + 1) << 20n;
    return requestFrame(id, epoch, requestEvent(index));
  });
}

function requestEvent(index: number): Uint8Array {
  const isExec = index % 8 === 7;
  const program = programs[index % programs.length] ?? 'bash';
  const folder = index % 100 === 42 ? '/var/lib/service-1' : (folders[index % folders.length] ?? '/etc');
  const actor: picket.v1.Process.$Properties = {
    executable: Buffer.from(`/usr/bin/${program}`),
    pid: 1_000 + index,
    entityId: `${1_000 + index}-1712345678901234567`,
    args: [Buffer.from(program), Buffer.from('-c'), Buffer.from(`work ${index}`)],
    workingDirectory: Buffer.from('/home/ada'),
    startNs: Long.fromString('1712345678901234567', true),
    user: { id: 1_000, name: Buffer.from('ada') },
    parent: { executable: Buffer.from('/usr/bin/bash'), pid: 900, entityId: '900-1712345670000000000' },
  };
  const path = Buffer.from(isExec ? `/opt/app/bin/tool-${index}` : `${folder}/file-${index}.so.6`);
  return picket.v1.Event.encode({
    createdNs: Long.fromString('1712345678901234567', true),
    kind: picket.v1.EventKind.EVENT_KIND_AUTH,
    action: isExec ? 'exec' : 'open',
    platform: picket.v1.Platform.PLATFORM_LINUX,
    provider: 'fanotify',
    process: isExec ? { ...actor, executable: path, previous: actor } : actor,
    file: {
      path,
      inode: Long.fromNumber(10_000 + index, true),
      device: Long.fromNumber(66_306, true),
      size: Long.fromNumber(4_096 + index, true),
      mode: 0o100_644,
      links: 1,
    },
    ...(isExec ? { exec: { stage: picket.v1.Exec.Stage.STAGE_PROGRAM } } : {}),
  }).finish();
}
