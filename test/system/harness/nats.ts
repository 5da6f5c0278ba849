// A private nats-server with JetStream: loopback, a free port, a folder of its own; it can be killed and started again.
import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect } from '@nats-io/transport-node';
import type { Cleanup } from './cleanup.ts';
import { type Running, start } from './process.ts';
import { waitFor } from './wait.ts';

export interface NatsServer {
  readonly url: string;
  readonly port: number;
  /** SIGSTOP makes it a server that takes connections and bytes and answers nothing. */
  signal(signal: NodeJS.Signals): void;
  kill(): Promise<void>;
  restart(): Promise<void>;
}

export async function startNats(cleanup: Cleanup): Promise<NatsServer> {
  const store = mkdtempSync(join(tmpdir(), 'picket-nats-'));
  cleanup.add(() => rmSync(store, { recursive: true, force: true }));
  const port = await freePort();
  const url = `nats://127.0.0.1:${port}`;
  let server: Running;
  const launch = async (): Promise<void> => {
    server = start(cleanup, 'nats-server', ['-a', '127.0.0.1', '-p', String(port), '-js', '-sd', store], {
      env: { ...process.env, PATH: `${process.env.PATH}:/usr/sbin` },
    });
    await waitFor('nats-server to accept connections', async () => {
      try {
        const connection = await connect({ servers: url, reconnect: false, timeout: 10_000 });
        await connection.close();
        return true;
      } catch (error) {
        if (server.child.exitCode !== null) throw new Error(server.stderr(), { cause: error });
        return false;
      }
    });
  };
  await launch();
  return {
    url,
    port,
    signal: (signal) => server.signal(signal),
    async kill() {
      server.signal('SIGKILL');
      await server.ended();
    },
    async restart() {
      server.signal('SIGKILL');
      await server.ended();
      await launch();
    },
  };
}

/** Below those that systems give away by themselves: nobody gets it while the server is away. */
async function freePort(): Promise<number> {
  for (;;) {
    const port = randomInt(20_000, 32_000);
    const server = createServer().listen(port, '127.0.0.1');
    const isFree = await once(server, 'listening').then(
      () => true,
      () => false,
    );
    server.close();
    if (isFree) await once(server, 'close');
    if (isFree) return port;
  }
}
