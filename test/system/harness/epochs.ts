// Rules that change over and over under load, and openers that know which of them were acknowledged when they began.
import { closeSync, openSync, readSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { askBridge } from '../../../src/control/ask-bridge.ts';
import { agentConfig, startAgent, writeRules } from './agent.ts';
import { socketOf, startBridge } from './bridge.ts';
import type { Cleanup } from './cleanup.ts';
import { type Running, start } from './process.ts';
import { makeScratch } from './scratch.ts';
import { waitFor } from './wait.ts';

const program = join(import.meta.dirname, '../../native/build/epoch_opener');

/** What the openers found, by their own account: see test/native/epoch_opener.c. */
export interface EpochsReport {
  readonly switches: number;
  readonly opens: number;
  readonly judged: number;
  readonly between: number;
  readonly old_allows: number;
  readonly old_denies: number;
  readonly other: number;
  readonly epochs: number;
  readonly longest_call_us: number;
}

export interface EpochsOptions {
  readonly switches: number;
  readonly threads: number;
  /** Of each thread between two opens: so that the agent gets to load rules. */
  readonly pauseUs: number;
  readonly onSwitch?: (done: number) => void;
}

/** Opens within each epoch before the next begins, of all threads. */
const OPENS_AN_EPOCH = 100;
const files = [
  { name: 'even', size: 1_000 },
  { name: 'odd', size: 2_000 },
] as const;

const size = (value: number): object => ({ fact: 'file', path: '$.size', operator: 'equal', value });
const name = (value: string): object => ({ fact: 'file', path: '$.name', operator: 'equal', value });
const path = (value: string): object => ({ fact: 'file', path: '$.path', operator: 'equal', value });

type File = (typeof files)[number];
/** By content alone, so that the kernel may keep what is allowed; by what the agent alone knows; by the bridge itself. */
const KINDS: Readonly<Record<string, (file: File, mount: string) => object[]>> = {
  c: (file) => [size(file.size)],
  a: (file) => [name(file.name), size(file.size)],
  s: (file, mount) => [path(join(mount, file.name))],
};
/** Each kind follows each other one and itself. */
const ORDER = 'ccaassacs';

function rulesOf(epoch: number, mount: string): object[] {
  const file = files[epoch % 2 === 0 ? 0 : 1];
  const kind = KINDS[ORDER[epoch % ORDER.length] ?? ''];
  const conditions = kind?.(file, mount) ?? [];
  return [
    {
      name: `deny-${file.name}`,
      on: ['auth.open'],
      conditions: { all: conditions },
      event: { type: 'deny' },
    },
  ];
}

/** The page that is shared with the openers. */
class Page {
  readonly #fd: number;

  constructor(file: string, cleanup: Cleanup) {
    writeFileSync(file, Buffer.alloc(4_096));
    this.#fd = openSync(file, 'r+');
    cleanup.add(() => closeSync(this.#fd));
  }

  set askedFor(epoch: number) {
    this.#write(0, epoch);
  }

  set acknowledged(epoch: number) {
    this.#write(8, epoch);
  }

  get opens(): number {
    const number = Buffer.alloc(8);
    readSync(this.#fd, number, 0, 8, 16);
    return Number(number.readBigUInt64LE());
  }

  #write(at: number, value: number): void {
    const number = Buffer.alloc(8);
    number.writeBigUInt64LE(BigInt(value));
    writeSync(this.#fd, number, 0, 8, at);
  }
}

/** Switches rules so many times; the agent is the real one, and so are bridge and kernel. */
export async function switchEpochs(cleanup: Cleanup, options: EpochsOptions): Promise<EpochsReport> {
  const scratch = makeScratch(cleanup, 'ext4');
  for (const file of files) scratch.file(file.name, 'x'.repeat(file.size));
  const page = new Page(join(scratch.folder, 'page'), cleanup);
  await startBridge(cleanup, scratch);
  const rules = writeRules(scratch, rulesOf(1, scratch.mount));
  const more = { rules: { paths: [rules], platform: 'linux' as const, watch: false } };
  const agent = await startAgent(cleanup, agentConfig(scratch, { rules, more }));
  page.askedFor = 1;
  page.acknowledged = 1;
  const socketPath = socketOf(scratch);
  const paths = files.map((file) => join(scratch.mount, file.name));
  const openers = start(cleanup, program, [
    '--page',
    join(scratch.folder, 'page'),
    '--pause-us',
    String(options.pauseUs),
    '--threads',
    String(options.threads),
    ...paths,
  ]);
  await opensMore(page, openers);
  for (let epoch = 2; epoch <= options.switches + 1; epoch++) {
    writeRules(scratch, rulesOf(epoch, scratch.mount));
    page.askedFor = epoch;
    agent.signal('SIGHUP');
    // Asked of the bridge: where rules change so often the agent holds back what it logs.
    await waitFor(
      () => `policy ${epoch} to be in force; the agent said ${agent.stderr().slice(-2_000)}`,
      async () => (await askBridge({ socketPath, command: 'status' })).epoch >= epoch,
    );
    page.acknowledged = epoch;
    await opensMore(page, openers);
    options.onSwitch?.(epoch - 1);
  }
  openers.signal('SIGTERM');
  const end = await openers.ended();
  if (end !== 0) throw new Error(`the openers ended with ${end}: ${openers.stderr()}`);
  return { switches: options.switches, ...JSON.parse(openers.stdout()) };
}

async function opensMore(page: Page, openers: Running): Promise<void> {
  const wanted = page.opens + OPENS_AN_EPOCH;
  await waitFor(
    () => `${wanted} opens; there are ${page.opens}, and the openers said ${openers.stderr()}`,
    () => page.opens >= wanted,
  );
}
