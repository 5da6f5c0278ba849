// A recording of events of about 1 KB in the mix of a busy host: mostly opens and closes, some execs, forks and exits.
// The same number gives the same bytes.
import { closeSync, openSync, writeSync } from 'node:fs';
import type { EcsEvent } from '../src/events/ecs-event.ts';
import { encodeEvent } from '../src/events/encode-event.ts';
import { recordedEvent } from '../src/sources/recording.ts';

const DISTINCT = 4096;
const START_MS = Date.UTC(2026, 0, 1);

/**
 * Returns the mean size of an event in bytes. With an interval each event has a time of its own, so that it can be replayed at
 * its pace; without, a few thousand come over and over.
 */
export function writeRecording(file: string, count: number, intervalNs?: number): number {
  const frameAt = (index: number, afterNs: number): Uint8Array =>
    recordedEvent(encodeEvent(eventAt(index, afterNs)));
  if (intervalNs !== undefined) return writePaced(file, count, (index) => frameAt(index, index * intervalNs));
  const frames = Array.from({ length: Math.min(DISTINCT, count) }, (_, index) => frameAt(index, index * 1e6));
  const out = openSync(file, 'w');
  let bytes = 0;
  try {
    for (let written = 0; written < count; written += frames.length) {
      const chunk = Buffer.concat(frames.slice(0, Math.min(frames.length, count - written)));
      bytes += writeSync(out, chunk);
    }
  } finally {
    closeSync(out);
  }
  return bytes / count;
}

function writePaced(file: string, count: number, frameAt: (index: number) => Uint8Array): number {
  const out = openSync(file, 'w');
  let bytes = 0;
  try {
    for (let first = 0; first < count; first += DISTINCT) {
      const length = Math.min(DISTINCT, count - first);
      const chunk = Buffer.concat(Array.from({ length }, (_, index) => frameAt(first + index)));
      bytes += writeSync(out, chunk);
    }
  } finally {
    closeSync(out);
  }
  return bytes / count;
}

function eventAt(index: number, afterNs: number): EcsEvent {
  const wholeMs = Math.floor(afterNs / 1e6);
  const nanoseconds = String(Math.round(afterNs - wholeMs * 1e6)).padStart(6, '0');
  const created = `${new Date(START_MS + wholeMs).toISOString().slice(0, -1)}${nanoseconds}Z`;
  const action = ['open', 'open', 'close', 'open', 'exec', 'open', 'fork', 'exit'][index % 8] ?? 'open';
  const isFileEvent = action === 'open' || action === 'close';
  return {
    event: {
      created,
      action,
      provider: isFileEvent ? 'fanotify' : 'proc-connector',
    },
    picket: { trigger: `notify.${action}` },
    host: { os: { type: 'linux' } },
    process: process(index, 0),
    ...(isFileEvent ? { file: file(index) } : {}),
  };
}

function process(index: number, depth: number): NonNullable<EcsEvent['process']> {
  const pid = 1000 + ((index * 7 + depth * 13) % 30_000);
  const executable = `/usr/lib/toolchain-${index % 97}/bin/compiler-stage-${index % 31}`;
  return {
    executable,
    pid,
    entity_id: `${pid.toString(16).padStart(8, '0')}-${(index * 2654435761).toString(16).slice(0, 12)}`,
    args: [
      executable,
      '-O2',
      '-Wall',
      `-I/home/builder/project-${index % 211}/include`,
      `src/unit-${index}.c`,
    ],
    working_directory: `/home/builder/project-${index % 211}`,
    start: `${new Date(START_MS).toISOString().slice(0, -1)}000000Z`,
    user: { id: '1000', name: 'builder' },
    real_user: { id: '1000', name: 'builder' },
    group: { id: '1000' },
    ...(depth < 2 ? { parent: process(index + 1, depth + 1) } : {}),
  };
}

function file(index: number): NonNullable<EcsEvent['file']> {
  return {
    path: `/home/builder/project-${index % 211}/include/generated/deeply/nested/header-${index % 1999}.h`,
    inode: String(1_000_000 + index),
    device: '2049',
    size: 1024 + index,
    mode: '0644',
    uid: '1000',
    gid: '1000',
    owner: 'builder',
    links: 1,
  };
}
