// A bridge with the replay backend on a recording made for the test.
import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { picket } from '../../src/events/proto/picket.js';
import type { Cleanup } from '../system/harness/cleanup.ts';
import { type Running, start } from '../system/harness/process.ts';
import { waitFor } from '../system/harness/wait.ts';
import { frameOf } from './test-agent.ts';

export const bridgeBinary =
  process.env.PICKET_BRIDGE ??
  fileURLToPath(new URL('../../native-bridge/build/picket-bridge', import.meta.url));

export const AUTH = 1;
export const NOTIFY = 2;

export interface Recorded {
  readonly kind: number;
  readonly action: string;
  readonly path?: string;
  readonly afterMs?: number;
  readonly uid?: number;
  readonly unresolved?: boolean;
  readonly args?: readonly string[];
}

function recording(events: readonly Recorded[]): Buffer {
  const text = (value: string): Buffer => Buffer.from(value);
  const base = 1_800_000_000_000n;
  const all = events.map(({ kind, action, path, afterMs = 0, uid = 1000, unresolved, args = [] }) => {
    const event: picket.v1.IEvent = {
      kind,
      action,
      platform: 2,
      provider: 'test',
      process: { executable: text('/bin/actor'), pid: 42, user: { id: uid }, args: args.map(text) },
      file: { path: text(path ?? '/data/file'), pathUnresolved: unresolved ?? false },
    };
    const head = Buffer.alloc(9);
    head[0] = (2 << 3) | 1;
    head.writeBigUInt64LE((base + BigInt(afterMs)) * 1_000_000n, 1);
    return frameOf(Buffer.concat([head, picket.v1.Event.encode(event).finish()]));
  });
  return Buffer.concat(all);
}

export interface ReplayBridge {
  readonly socket: string;
  readonly folder: string;
  readonly process: Running;
}

export async function startReplayBridge(
  cleanup: Cleanup,
  folder: string,
  events: readonly Recorded[],
  options: readonly string[] = [],
): Promise<ReplayBridge> {
  const file = `${folder}/recording.picket`;
  const socket = `${folder}/bridge.sock`;
  writeFileSync(file, recording(events));
  const running = start(cleanup, bridgeBinary, [
    '--backend',
    'replay',
    '--socket',
    socket,
    '--file',
    file,
    '--speed',
    'max',
    ...options,
  ]);
  await waitFor('the bridge to be ready', () => running.stderr().includes('the bridge is ready'));
  return { socket, folder, process: running };
}
