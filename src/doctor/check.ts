// What a check of `picket doctor` is: it looks at one thing and says what it found and how to mend it.
import type { NatsConnection } from '@nats-io/transport-node';
import type { Platform } from '../events/triggers.ts';
import type { BridgeProbe } from './probe.ts';

/** ok · warn: works, but not fully · fail: `picket run` would fail · unseen: could not be looked at from here */
export type State = 'ok' | 'warn' | 'fail' | 'unseen';

export interface Finding {
  readonly check: string;
  readonly state: State;
  /** What was found, for a person. */
  readonly found: string;
  /** What to do about it; there is one wherever the state is not ok. */
  readonly mend?: string;
}

export interface DoctorContext {
  readonly platform: NodeJS.Platform;
  readonly isRoot: boolean;
  readonly bridgeBinary: string;
  readonly socketPath: string;
  readonly natsServers: readonly string[];
  readonly eventsSubject: string;
  readonly rules: {
    readonly paths: readonly string[];
    readonly shadow: readonly string[];
    readonly platform: Platform;
  };
  readonly guard: { readonly filesystems: readonly string[] };
  /** One connection for all checks; the error where there is none. */
  nats(): Promise<NatsConnection | Error>;
  /** The bridge's own tries of the kernel, made once; undefined where it could not be asked. */
  probe(): Promise<BridgeProbe | undefined>;
}

export type Check = (context: DoctorContext) => Promise<readonly Finding[]>;

export function ok(check: string, found: string): readonly Finding[] {
  return [{ check, state: 'ok', found }];
}

export function not(
  state: Exclude<State, 'ok'>,
  check: string,
  found: string,
  mend: string,
): readonly Finding[] {
  return [{ check, state, found, mend }];
}
