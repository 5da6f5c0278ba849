// A peer that says to the bridge what the test gives it: test/native/speaker.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { picket } from '../../../src/events/proto/picket.js';
import { frameOf, long } from '../../bridge/test-agent.ts';
import { socketOf } from './bridge.ts';
import type { Cleanup } from './cleanup.ts';
import { type Running, start } from './process.ts';
import type { Scratch } from './scratch.ts';

const speakerProgram = join(import.meta.dirname, '../../native/build/speaker');

export interface SpeakerReport {
  readonly connections: number;
  readonly welcomed: number;
  readonly refused: number;
  readonly closed: number;
  /** The errno of the last connect(2). */
  readonly error: number;
  /** Of the last refusal. */
  readonly reason: string;
}

export interface Speaker {
  readonly running: Running;
  report(boundMs?: number): Promise<SpeakerReport>;
  stop(): Promise<SpeakerReport>;
}

export interface SpeakerOptions {
  /** A command that runs it, with the arguments before it. */
  readonly under?: readonly string[];
  readonly socket?: string;
  readonly args?: readonly string[];
}

export function startSpeaker(cleanup: Cleanup, scratch: Scratch, options: SpeakerOptions = {}): Speaker {
  const { under = [], socket = socketOf(scratch), args = [] } = options;
  const [command = speakerProgram, ...before] = [...under, speakerProgram];
  const running = start(cleanup, command, [...before, socket, ...args]);
  const report = async (boundMs?: number): Promise<SpeakerReport> => {
    const end = await running.ended(boundMs);
    if (end !== 0) throw new Error(`speaker ended with ${end}: ${running.stderr()}`);
    return JSON.parse(running.stdout());
  };
  return {
    running,
    report,
    stop() {
      running.signal('SIGTERM');
      return report();
    },
  };
}

/** A file of bytes for the speaker. */
export function saying(scratch: Scratch, name: string, ...parts: readonly Uint8Array[]): string {
  const file = join(scratch.folder, `${name}.bytes`);
  writeFileSync(file, Buffer.concat(parts), { mode: 0o644 });
  return file;
}

export const toBridge = (message: picket.v1.IToBridge): Buffer =>
  frameOf(picket.v1.ToBridge.encode(message).finish());

export const laneToBridge = (message: picket.v1.ILaneToBridge): Buffer =>
  frameOf(picket.v1.LaneToBridge.encode(message).finish());

export const hello = (agent = 'speaker'): Buffer =>
  toBridge({ hello: { protocol: 1, agent, acceptedThrough: long(0) } });
