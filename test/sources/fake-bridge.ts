// A bridge that says what a test wants it to say, and keeps what the agent said.
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Long from 'long';
import { expect } from 'vitest';
import { picket } from '../../src/events/proto/picket.js';
import { encodeFrame, FrameSplitter } from '../../src/sources/frames.ts';

export class FakeBridge {
  readonly folder = mkdtempSync(join(tmpdir(), 'picket-bridge-'));
  readonly path = join(this.folder, 'bridge.sock');
  readonly said: picket.v1.ToBridge[] = [];
  connections = 0;
  #server: Server | undefined;
  #socket: Socket | undefined;

  async listen(): Promise<void> {
    this.#server = createServer((socket) => {
      this.connections++;
      this.#socket = socket;
      const splitter = new FrameSplitter(1 << 20);
      socket.on('data', (chunk) => {
        for (const frame of splitter.push(chunk as Buffer)) this.said.push(picket.v1.ToBridge.decode(frame));
      });
      socket.on('error', () => undefined);
    }).listen(this.path);
    await once(this.#server, 'listening');
  }

  send(message: picket.v1.IToAgent): void {
    this.sendRaw(encodeFrame(picket.v1.ToAgent.encode(message).finish()));
  }

  sendRaw(bytes: Uint8Array): void {
    this.#socket?.write(bytes);
  }

  welcome(more: picket.v1.IWelcome = {}): void {
    const backend = 'fake';
    this.send({
      welcome: { protocol: 1, backend, bridgeInstance: 'b1', generation: Long.ONE, platform: 2, ...more },
    });
  }

  /** What was said of one kind, once there is enough of it. */
  async heard<K extends keyof picket.v1.IToBridge>(
    kind: K,
    count = 1,
  ): Promise<NonNullable<picket.v1.IToBridge[K]>[]> {
    const found = (): NonNullable<picket.v1.IToBridge[K]>[] =>
      this.said.flatMap((message) => (message[kind] ? [message[kind]] : []));
    await expect.poll(() => found().length).toBeGreaterThanOrEqual(count);
    return found();
  }

  hangUp(): void {
    this.#socket?.destroy();
  }

  async close(): Promise<void> {
    this.hangUp();
    this.#server?.close();
    rmSync(this.folder, { recursive: true, force: true });
  }
}
