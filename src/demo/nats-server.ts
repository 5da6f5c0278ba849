// A private nats-server with JetStream: loopback, a port that the system chooses, a folder of its own.
import { mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Part, startPart, waitForPart } from './child.ts';
import type { Undo } from './undo.ts';

export interface PrivateNats {
  readonly url: string;
  readonly part: Part;
}

export async function startPrivateNats(
  undo: Undo,
  folder: string,
  signal: AbortSignal,
): Promise<PrivateNats> {
  const store = join(folder, 'jetstream');
  const ports = join(folder, 'ports');
  mkdirSync(ports);
  const part = await startPart(undo, {
    name: 'nats-server',
    command: 'nats-server',
    // Port -1: the server takes a free one and writes it down, so that nobody can take it in between.
    args: ['-a', '127.0.0.1', '-p', '-1', '-js', '-sd', store, '--ports_file_dir', ports],
    logFile: join(folder, 'nats-server.log'),
    // Debian keeps it in a folder that is not on a user's PATH.
    env: { ...process.env, PATH: `${process.env.PATH ?? ''}:/usr/sbin:/usr/local/sbin` },
  });
  const url = await waitForPart(part, 'its port', signal, () => readPort(ports));
  return { url, part };
}

function readPort(folder: string): string | undefined {
  const [file] = readdirSync(folder).filter((name) => name.endsWith('.ports'));
  if (file === undefined) return undefined;
  try {
    const { nats } = JSON.parse(readFileSync(join(folder, file), 'utf8')) as {
      readonly nats?: readonly string[];
    };
    return nats?.[0];
  } catch {
    return undefined; // half written: the next look finds it whole
  }
}
