// A bridge in which a test can bring about what must never happen: native-bridge/fault/fault.h says by which signal.
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import type { RunningBridge } from './bridge.ts';

const nativeBridge = join(import.meta.dirname, '../../../native-bridge');
/** The first real-time signal that the C library leaves to programs. */
const SIGRTMIN = 34;

/** Threads of the bridge, in the order of `enum vigil_seat_name`. */
const seats = ['permissions', 'stacked', 'guard', 'lane', 'events', 'notifications'] as const;
export type Seat = (typeof seats)[number];

const faults = { loop: 0, disk: 8, fork: 16, spawn: 17, stack: 18, dump: 19 } as const;

/** Builds it where it is out of date, and returns its path. */
export function faultyBridge(): string {
  execFileSync('make', ['-s', '-C', nativeBridge, 'faulty'], { stdio: ['ignore', 'ignore', 'inherit'] });
  return join(nativeBridge, 'build/picket-bridge-faulty');
}

export function bringAbout(bridge: RunningBridge, fault: 'loop' | 'disk', seat: Seat): void;
export function bringAbout(bridge: RunningBridge, fault: 'fork' | 'spawn' | 'stack' | 'dump'): void;
export function bringAbout(bridge: RunningBridge, fault: keyof typeof faults, seat?: Seat): void {
  const ofSeat = seat === undefined ? 0 : seats.indexOf(seat);
  process.kill(bridge.guardPid(), SIGRTMIN + faults[fault] + ofSeat);
}
