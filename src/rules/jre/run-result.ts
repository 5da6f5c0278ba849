// What `run` resolves with. Each list is made when it is first read: most callers read the matches alone, and a list of
// a thousand failures with their trees costs far more than finding out that they are failures.

import type { Almanac, Event } from 'json-rules-engine';
import { printsInFull } from './printed.ts';
import type { RuleResult } from './rule-result.ts';
import type { RunAlmanac } from './run-almanac.ts';

export interface RunResult {
  almanac: Almanac;
  results: RuleResult[];
  failureResults: RuleResult[];
  events: Event[];
  failureEvents: Event[];
}

export function resultOf(almanac: RunAlmanac): RunResult {
  const { getEvents } = almanac as unknown as { getEvents(outcome: string): Event[] };
  const lists = {
    results: () => almanac.resultsOf(true),
    failureResults: () => almanac.resultsOf(false),
    events: () => getEvents.call(almanac, 'success'),
    failureEvents: () => getEvents.call(almanac, 'failure'),
  };
  const result = { almanac } as unknown as RunResult;
  for (const [key, make] of Object.entries(lists)) {
    const settle = (value: unknown): unknown => {
      Object.defineProperty(result, key, { value, writable: true });
      return value;
    };
    const attributes = { enumerable: true, configurable: true };
    Object.defineProperty(result, key, { get: () => settle(make()), set: settle, ...attributes });
  }
  printsInFull(result);
  return result;
}
