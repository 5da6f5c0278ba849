// What a soak must show, judged by the clients' own logs: nobody hung, nothing allowed was denied, and nothing denied was
// opened but while the part that denies it was away. Pure.
import type { Call } from '../system/harness/opener.ts';

/** Nanoseconds of CLOCK_MONOTONIC, as in the clients' logs. */
export interface Interval {
  readonly fromNs: number;
  readonly toNs: number;
}

export interface ClientLog {
  readonly name: string;
  /** Must each of its calls be denied, or none? */
  readonly isDenied: boolean;
  readonly calls: readonly Call[];
  /** When what denies these calls was away: killed, stopped, not yet back. */
  readonly away: readonly Interval[];
}

export interface Judgement {
  readonly name: string;
  readonly calls: number;
  readonly denied: number;
  readonly p50Us: number;
  readonly p999Us: number;
  readonly maxUs: number;
  /** Sentences; empty when all is as it must be. */
  readonly faults: readonly string[];
}

const FAULTS_TOLD = 5;

/** `hungMs`: what a call that takes longer counts as. */
export function judge(log: ClientLog, hungMs: number): Judgement {
  const waits = log.calls
    .map(({ startedNs, endedNs }) => (endedNs - startedNs) / 1_000)
    .sort((a, b) => a - b);
  const faults: string[] = [];
  let denied = 0;
  for (const call of log.calls) {
    if (call.error === EPERM) denied++;
    const fault = faultOf(call, log, hungMs);
    if (fault !== undefined) faults.push(`${log.name}: ${fault}`);
  }
  const at = (share: number): number =>
    waits[Math.min(waits.length - 1, Math.floor(waits.length * share))] ?? 0;
  return {
    name: log.name,
    calls: log.calls.length,
    denied,
    p50Us: at(0.5),
    p999Us: at(0.999),
    maxUs: waits.at(-1) ?? 0,
    faults: log.calls.length === 0 ? [`${log.name}: made no call`] : shorten(faults),
  };
}

const EPERM = 1;

function faultOf(call: Call, { isDenied, away }: ClientLog, hungMs: number): string | undefined {
  const tookMs = (call.endedNs - call.startedNs) / 1e6;
  if (tookMs > hungMs) return `a call hung for ${Math.round(tookMs)} ms`;
  if (call.error !== 0 && call.error !== EPERM) return `a call failed with errno ${call.error}`;
  if (!isDenied) return call.error === EPERM ? 'what is allowed was denied' : undefined;
  if (call.error === EPERM) return undefined;
  const isExcused = away.some(({ fromNs, toNs }) => call.endedNs >= fromNs && call.startedNs <= toNs);
  if (isExcused) return undefined;
  const last = away.filter(({ toNs }) => toNs <= call.startedNs).at(-1);
  const since =
    last === undefined ? '' : `, ${Math.round((call.startedNs - last.toNs) / 1e6)} ms after it came back`;
  return `what is denied was opened${since}`;
}

function shorten(faults: readonly string[]): readonly string[] {
  if (faults.length <= FAULTS_TOLD) return faults;
  return [...faults.slice(0, FAULTS_TOLD), `and ${faults.length - FAULTS_TOLD} more`];
}

/** Resident memory over time is flat when the last third needs hardly more than the first did, behind the warm-up. */
export function growthOf(samplesKiB: readonly number[]): {
  readonly firstKiB: number;
  readonly lastKiB: number;
} {
  const third = Math.floor(samplesKiB.length / 3);
  return { firstKiB: peak(samplesKiB.slice(0, third)), lastKiB: peak(samplesKiB.slice(-third)) };
}

function peak(samples: readonly number[]): number {
  return samples.reduce((highest, sample) => Math.max(highest, sample), 0);
}
