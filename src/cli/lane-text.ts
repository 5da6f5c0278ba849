// How the auth lane did, for a person: what it took, and who waited behind whom.
import type { LaneReport } from '../auth/lane-statistics.ts';
import { counted, formatCount, formatMicros } from './output.ts';

/** Lines without an end; none where nothing was asked. `lane`: of the last connection to the bridge. */
export function laneLines(lane: LaneReport | undefined): readonly string[] {
  if (lane === undefined || lane.requests === 0) return [];
  const { requests, reads, writes, decideNs, batchWaitNs, errors, droppedNotes } = lane;
  return [
    `The auth lane took ${counted(requests, 'request')} in ${counted(reads, 'read')} and answered in ${counted(writes, 'write')}.`,
    `A decision took ${percentiles(decideNs)}; behind others of the same read a request waited ${percentiles(batchWaitNs)}.`,
    ...(errors === 0 ? [] : [`${formatCount(errors)} could not be evaluated there and were deferred.`]),
    ...(droppedNotes === 0 ? [] : [`${formatCount(droppedNotes)} of its notes for the log were dropped.`]),
  ];
}

function percentiles(ns: LaneReport['decideNs']): string {
  const at = (share: number): string => formatMicros(ns.quantile(share) / 1_000);
  return `${at(0.5)} (p99 ${at(0.99)}, longest ${at(1)})`;
}
