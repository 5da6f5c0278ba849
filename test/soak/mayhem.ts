// What happens to agent and bridge meanwhile: kills, stops, clean restarts, reloads, at random times from a seed.
import { setTimeout as delay } from 'node:timers/promises';
import type { Guard } from './guard.ts';

export interface Blow {
  readonly atMs: number;
  readonly name: string;
}

interface Kind {
  readonly name: string;
  /** How often, beside the others. */
  readonly weight: number;
  /** Not sooner after itself: what is away must have been there in between. */
  readonly restMs: number;
  strike(guard: Guard, random: () => number): Promise<void>;
}

const KINDS: readonly Kind[] = [
  { name: 'SIGKILL of the agent', weight: 2, restMs: 20_000, strike: (guard) => guard.agentAway('SIGKILL') },
  { name: 'SIGTERM of the agent', weight: 2, restMs: 0, strike: (guard) => guard.agentAway('SIGTERM') },
  {
    name: 'SIGSTOP of the agent',
    weight: 2,
    restMs: 0,
    strike: (guard, random) => guard.agentStopped(500 + random() * 3_000),
  },
  {
    name: 'SIGKILL of the bridge',
    weight: 2,
    restMs: 20_000,
    strike: (guard) => guard.bridgeAway('SIGKILL'),
  },
  {
    name: 'SIGSTOP of the bridge',
    weight: 1,
    restMs: 20_000,
    strike: (guard) => guard.bridgeAway('SIGSTOP'),
  },
  { name: 'SIGKILL of its watchdog', weight: 1, restMs: 20_000, strike: (guard) => guard.watchdogKilled() },
  { name: 'a reload', weight: 2, restMs: 0, strike: (guard) => guard.reload() },
];

/** Until `signal` is aborted. */
export async function* mayhem(guard: Guard, random: () => number, signal: AbortSignal): AsyncGenerator<Blow> {
  const begun = performance.now();
  const last = new Map<Kind, number>();
  for (;;) {
    await delay(3_000 + random() * 12_000, undefined, { signal }).catch(() => undefined);
    if (signal.aborted) return;
    const now = performance.now();
    const rested = KINDS.filter((kind) => now - (last.get(kind) ?? Number.NEGATIVE_INFINITY) >= kind.restMs);
    const kind = choose(rested, random);
    last.set(kind, now);
    yield { atMs: Math.round(now - begun), name: kind.name };
    await kind.strike(guard, random);
  }
}

function choose(kinds: readonly Kind[], random: () => number): Kind {
  let at = random() * kinds.reduce((sum, { weight }) => sum + weight, 0);
  for (const kind of kinds) {
    at -= kind.weight;
    if (at < 0) return kind;
  }
  throw new Error('nothing to choose from');
}

/** Mulberry32: the same seed, the same blows. */
export function randomFrom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
