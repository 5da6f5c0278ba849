// The triggers that a rule may name, as sets: they are asked for once a rule.

import { triggersOf } from '../events/fact-table.ts';
import type { Platform, Trigger } from '../events/triggers.ts';

const TRIGGERS: Readonly<Record<Platform, ReadonlySet<Trigger>>> = {
  linux: new Set(triggersOf('linux')),
  macos: new Set(triggersOf('macos')),
};

const ALL: ReadonlySet<string> = new Set([...TRIGGERS.linux, ...TRIGGERS.macos]);

export function knownTriggers(platform: Platform): ReadonlySet<Trigger> {
  return TRIGGERS[platform];
}

/** Of any platform. */
export function isKnownTrigger(name: string): name is Trigger {
  return ALL.has(name);
}

export function allTriggers(): Iterable<string> {
  return ALL;
}
