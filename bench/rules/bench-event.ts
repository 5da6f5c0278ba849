// An event as every engine under measurement is given it.

import type { EcsEvent } from '../../src/events/ecs-event.ts';
import type { Platform, Trigger } from '../../src/events/triggers.ts';

export const PLATFORM: Platform = 'macos';

export interface BenchEvent {
  readonly trigger: Trigger;
  readonly bytes: Uint8Array;
  /** As it comes out of the decoder. */
  readonly object: EcsEvent;
  /** With every fact that follows from others: what rivals that know no derived facts are given. */
  readonly complete: EcsEvent;
}
