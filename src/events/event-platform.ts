// The operating system that an event comes from; one that does not say is taken for macOS's, as eslogger's lines are.

import { type Facts, requiredSlot } from './facts.ts';
import type { Platform } from './triggers.ts';

const PLATFORM = requiredSlot('host.os.type');

export function platformOf(facts: Facts): Platform {
  return facts.get(PLATFORM) === 'linux' ? 'linux' : 'macos';
}
