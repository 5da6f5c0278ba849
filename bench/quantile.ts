// Of times that are all at hand.

/** The value that the share (0 to 1) of all values does not exceed; NaN when there are none. */
export function quantile(times: readonly number[], share: number): number {
  const sorted = Float64Array.from(times).sort();
  return sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)] ?? Number.NaN;
}
