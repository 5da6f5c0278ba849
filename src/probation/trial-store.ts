// The two files in which an agent remembers rule sets: the trial that goes on, and the texts of the set that passed last.
// Each is replaced whole and synced. What cannot be read or written is told and done without: an agent without a memory
// still guards.
import { mkdir, open, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import type { RuleText } from '../rules/rule-text.ts';
import type { Trial } from './trial.ts';

const trialSchema = z.object({
  hash: z.string(),
  version: z.string(),
  state: z.enum(['trying', 'shadowed', 'set_aside']),
  crashes: z.int().min(0),
  isOpen: z.boolean(),
  run: z.object({ pid: z.int(), startedMs: z.number() }),
});

const trustedSchema = z.object({
  hash: z.string(),
  passed: z.string(),
  texts: z.array(z.object({ file: z.string(), text: z.string(), isList: z.boolean().optional() })),
});

/** A set that passed, as its files were. */
export interface TrustedTexts {
  readonly hash: string;
  readonly passed: string;
  readonly texts: readonly RuleText[];
}

/** A disk that hangs must not keep an agent from guarding. */
const DISK_MS = 5_000;

const TRIAL = 'rule-set-trial.json';
const TRUSTED = 'rule-set-trusted.json';

export class TrialStore {
  readonly #folder: string;
  readonly #onProblem: (error: unknown, file: string) => void;
  #last: Promise<unknown> = Promise.resolve();
  #hasFailed = false;

  constructor(folder: string, onProblem: (error: unknown, file: string) => void) {
    this.#folder = folder;
    this.#onProblem = onProblem;
  }

  /** Ever: what is not here may only not have been readable. */
  get hasFailed(): boolean {
    return this.#hasFailed;
  }

  readTrial(): Promise<Trial | undefined> {
    return this.#inTurn(TRIAL, () => this.#read(TRIAL, trialSchema));
  }

  readTrusted(): Promise<TrustedTexts | undefined> {
    return this.#inTurn(TRUSTED, () => this.#read(TRUSTED, trustedSchema));
  }

  /** undefined: there is none any more. */
  async writeTrial(trial: Trial | undefined): Promise<void> {
    await this.#inTurn(TRIAL, () => (trial === undefined ? this.#remove(TRIAL) : this.#write(TRIAL, trial)));
  }

  async writeTrusted(trusted: TrustedTexts): Promise<void> {
    await this.#inTurn(TRUSTED, () => this.#write(TRUSTED, trusted));
  }

  /** One after another; undefined where it failed or took too long. */
  #inTurn<T>(file: string, act: () => Promise<T>): Promise<T | undefined> {
    const done = withBound(this.#last.then(act)).catch((error: unknown) => {
      this.#hasFailed = true;
      this.#onProblem(error, join(this.#folder, file));
      return undefined;
    });
    this.#last = done;
    return done;
  }

  async #read<T>(file: string, schema: z.ZodType<T>): Promise<T | undefined> {
    let text: string;
    try {
      text = await readFile(join(this.#folder, file), 'utf8');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
      throw error;
    }
    return schema.parse(JSON.parse(text));
  }

  async #write(file: string, value: unknown): Promise<void> {
    await mkdir(this.#folder, { recursive: true, mode: 0o700 });
    const path = join(this.#folder, file);
    const temporary = `${path}.new`;
    const handle = await open(temporary, 'w', 0o600);
    try {
      await handle.writeFile(`${JSON.stringify(value)}\n`);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(temporary, path);
    await this.#syncFolder();
  }

  async #remove(file: string): Promise<void> {
    await rm(join(this.#folder, file), { force: true });
    await this.#syncFolder();
  }

  /** A rename is on disk when its folder is. */
  async #syncFolder(): Promise<void> {
    const handle = await open(this.#folder, 'r');
    try {
      await handle.sync();
    } finally {
      await handle.close();
    }
  }
}

async function withBound<T>(work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`the disk took longer than ${DISK_MS} ms`)), DISK_MS);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}
