// The bridge's side of the auth lane's FIFOs, played by the test: it makes the pair, opens its ends as the bridge does
// (O_RDWR, so that no open waits), sends frames and collects what the lane answers.
import { execFileSync } from 'node:child_process';
import { constants, mkdtempSync, openSync, rmSync } from 'node:fs';
import { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { picket } from '../../src/events/proto/picket.js';
import { verdictsIn } from './frames.ts';

export class BridgePeer {
  readonly requestFifo: string;
  readonly verdictFifo: string;
  /** All that the lane has written, in order. */
  readonly messages: picket.v1.LaneToBridge[] = [];
  /** Bytes of a frame that is not yet whole. */
  rest = Buffer.alloc(0);

  readonly #folder = mkdtempSync(join(tmpdir(), 'picket-lane-'));
  readonly #requests: Socket;
  readonly #verdicts: Socket;
  #awaited: { isTrue: () => boolean; resolve: () => void } | undefined;

  constructor() {
    this.requestFifo = join(this.#folder, 'requests');
    this.verdictFifo = join(this.#folder, 'verdicts');
    execFileSync('/usr/bin/mkfifo', ['-m', '600', this.requestFifo, this.verdictFifo]);
    const flags = constants.O_RDWR | constants.O_NONBLOCK;
    this.#requests = new Socket({ fd: openSync(this.requestFifo, flags), readable: false, writable: true });
    this.#verdicts = new Socket({ fd: openSync(this.verdictFifo, flags), readable: true, writable: false });
    this.#verdicts.on('data', (chunk: Buffer) => {
      const { messages, rest } = verdictsIn(Buffer.concat([this.rest, chunk]));
      this.messages.push(...messages);
      this.rest = Buffer.from(rest);
      this.#look();
    });
  }

  get verdicts(): picket.v1.IAuthVerdict[] {
    return this.messages.flatMap((message) => message.authVerdict ?? []);
  }

  send(bytes: Uint8Array): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#requests.write(bytes, (error) => (error ? reject(error) : resolve()));
    });
  }

  /** Waits until the lane has answered so that `isTrue`. One at a time. */
  until(isTrue: () => boolean): Promise<void> {
    return new Promise((resolve) => {
      this.#awaited = { isTrue, resolve };
      this.#look();
    });
  }

  /** As the bridge does when the connection ends. */
  close(): void {
    this.#requests.destroy();
    this.#verdicts.destroy();
    rmSync(this.#folder, { recursive: true, force: true });
  }

  /** Closes only the end that takes verdicts: the lane's next write is a broken pipe. */
  closeVerdicts(): Promise<void> {
    return new Promise((resolve) => {
      this.#verdicts.once('close', () => resolve());
      this.#verdicts.destroy();
    });
  }

  #look(): void {
    if (this.#awaited?.isTrue() !== true) return;
    const { resolve } = this.#awaited;
    this.#awaited = undefined;
    resolve();
  }
}
