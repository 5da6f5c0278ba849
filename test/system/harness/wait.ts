// Waiting for a condition with a bound; the bound is what counts as hung, never a measurement.
import { setTimeout as delay } from 'node:timers/promises';

export async function waitFor<T>(
  what: string | (() => string),
  probe: () => T | undefined | false | Promise<T | undefined | false>,
  boundMs = 60_000,
): Promise<T> {
  const end = performance.now() + boundMs;
  for (;;) {
    const found = await probe();
    if (found !== undefined && found !== false) return found;
    if (performance.now() > end) {
      throw new Error(`waited ${boundMs} ms for: ${typeof what === 'string' ? what : what()}`);
    }
    await delay(20);
  }
}
