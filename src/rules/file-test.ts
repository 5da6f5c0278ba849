// One test of a test file, as it is run: rules that exist, events that are given or recorded, and an expectation.

import type { EcsEvent } from '../events/ecs-event.ts';
import type { Platform, Trigger } from '../events/triggers.ts';
import type { FileExpectation } from './file-expectation.ts';
import type { Place } from './rule-document.ts';
import type { RuleDefinition } from './schema.ts';

export interface FileTest extends Place {
  readonly name: string;
  /** The one that is tested alone. */
  readonly rule: RuleDefinition | undefined;
  /** Those that are tested together; one, where `rule` is. */
  readonly rules: readonly RuleDefinition[];
  readonly events: GivenEvent | RecordedEvents;
  readonly withExceptions: boolean;
  readonly expect: FileExpectation;
  /** Why it can't pass yet, or nothing but that it can't; undefined: no known gap. */
  readonly todo: string | undefined;
}

export interface GivenEvent {
  readonly kind: 'given';
  readonly event: EcsEvent;
  readonly trigger: Trigger;
  readonly platform: Platform;
}

export interface RecordedEvents {
  readonly kind: 'recorded';
  readonly files: readonly { readonly path: string; readonly place: Place }[];
  /** undefined: all of them. */
  readonly numbers: ReadonlySet<number> | undefined;
  readonly trigger: Trigger | undefined;
}
