// The JetStream stream that agents publish to: created or brought up to date by an administrator, only looked at by
// agents.
import { type JetStreamManager, jetstreamManager, StorageType, type StreamConfig } from '@nats-io/jetstream';
import { type NatsConnection, nanos } from '@nats-io/transport-node';

/** Every agent's batches, and the alerts again in subjects of their own. */
const STREAM_SUBJECTS = ['picket.events.>', 'picket.alerts.>'] as const;
const DEFAULT_STREAM = 'PICKET';
const DUPLICATE_WINDOW_MS = 120_000;

const NEEDED: Partial<StreamConfig> = {
  description: 'Events and alerts of Picket agents',
  subjects: [...STREAM_SUBJECTS],
  duplicate_window: nanos(DUPLICATE_WINDOW_MS),
  // Agents read back the last message of their own subject, and need a permission for that subject only.
  allow_direct: true,
};

export interface StreamSettings {
  readonly name: string;
  /** -1: no limit but the server's. */
  readonly maxBytes: number;
  /** Milliseconds; 0: kept until another limit is reached. */
  readonly maxAgeMs: number;
  readonly replicas: number;
  readonly storage: 'file' | 'memory';
}

const DEFAULT_STREAM_SETTINGS: StreamSettings = {
  name: DEFAULT_STREAM,
  maxBytes: -1,
  maxAgeMs: 0,
  replicas: 1,
  storage: 'file',
};

export interface StreamSetup {
  readonly action: 'created' | 'updated' | 'unchanged';
  /** What was brought up to date. */
  readonly changes: readonly string[];
}

class StreamSetupError extends Error {
  readonly exitCode = 1;

  constructor(stream: string, cause: unknown) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    super(`cannot set up the stream ${stream}: ${reason}`, { cause });
    this.name = 'StreamSetupError';
  }
}

/**
 * Idempotent. A stream that exists gets what agents need and the limits given; its other limits, those of an earlier
 * set-up among them, are left as they are. Needs an administrator's rights.
 */
export async function setupStream(
  connection: NatsConnection,
  settings: Partial<StreamSettings> = {},
): Promise<StreamSetup> {
  const all = { ...DEFAULT_STREAM_SETTINGS, ...settings };
  try {
    const manager = await jetstreamManager(connection, { checkAPI: false });
    const existing = await streamOrUndefined(manager, all.name);
    if (existing === undefined) {
      await manager.streams.add({ ...NEEDED, ...limitsOf(all), name: all.name });
      return { action: 'created', changes: [] };
    }
    const wanted = { ...NEEDED, ...limitsOf(settings) };
    const changes = differences(existing, wanted);
    if (changes.length === 0) return { action: 'unchanged', changes };
    await manager.streams.update(all.name, { ...existing, ...wanted });
    return { action: 'updated', changes };
  } catch (error) {
    throw new StreamSetupError(all.name, error);
  }
}

function limitsOf(settings: Partial<StreamSettings>): Partial<StreamConfig> {
  const { maxBytes, maxAgeMs, replicas, storage } = settings;
  return {
    ...(maxBytes === undefined ? {} : { max_bytes: maxBytes }),
    ...(maxAgeMs === undefined ? {} : { max_age: nanos(maxAgeMs) }),
    ...(replicas === undefined ? {} : { num_replicas: replicas }),
    ...(storage === undefined ? {} : { storage: storage === 'file' ? StorageType.File : StorageType.Memory }),
  };
}

async function streamOrUndefined(manager: JetStreamManager, name: string): Promise<StreamConfig | undefined> {
  try {
    return (await manager.streams.info(name)).config;
  } catch (error) {
    if (error instanceof Error && error.name === 'StreamNotFoundError') return undefined;
    throw error;
  }
}

function differences(existing: StreamConfig, wanted: Partial<StreamConfig>): string[] {
  return Object.entries(wanted)
    .map(([key, value]) => [key, existing[key as keyof StreamConfig], value] as const)
    .filter(([, is, should]) => JSON.stringify(is) !== JSON.stringify(should))
    .map(([key, is, should]) => `${key}: ${JSON.stringify(is)} → ${JSON.stringify(should)}`);
}
