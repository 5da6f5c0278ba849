// A guarded filesystem for intruders: everybody reaches it, and no deadline decides.
import { chmodSync, chownSync, copyFileSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { agentConfig, startAgent, writeRules } from '../harness/agent.ts';
import { startBridge } from '../harness/bridge.ts';
import type { Cleanup } from '../harness/cleanup.ts';
import type { Running } from '../harness/process.ts';
import { makeScratch, type Scratch } from '../harness/scratch.ts';
import { harmlessProgram, USER } from './intruder.ts';

export interface Guarded extends Scratch {
  /** A folder on a filesystem that is not guarded, where everybody may write. */
  readonly work: string;
  /** Empties it. */
  renewWork(): void;
  /** A folder of the guarded filesystem, open to everybody with the two above it. */
  openFolder(name: string): string;
  /** Puts a program of the user's there, whatever rule denies its path: to rename opens nothing. */
  renew(file: string, content?: { readonly from: string } | { readonly text: string }): void;
  /** Starts bridge and agent. */
  enforce(rules: readonly unknown[], nats?: string): Promise<Running>;
}

export function makeGuarded(cleanup: Cleanup, type?: 'tmpfs' | 'ext4'): Guarded {
  const scratch = makeScratch(cleanup, type);
  const work = join(scratch.folder, 'work');
  chmodSync(dirname(scratch.mount), 0o755);
  const guarded: Guarded = {
    ...scratch,
    work,
    renewWork() {
      rmSync(work, { recursive: true, force: true });
      mkdirSync(work);
      chmodSync(work, 0o777);
    },
    openFolder(name) {
      const path = join(scratch.mount, name);
      mkdirSync(path, { recursive: true });
      // But not those above the socket's folder: the bridge refuses a place where others can write.
      for (const part of [path, dirname(path), dirname(dirname(path))])
        if (part !== scratch.folder && part !== dirname(scratch.mount)) chmodSync(part, 0o777);
      return path;
    },
    renew(file, content = { from: harmlessProgram }) {
      const fresh = join(dirname(dirname(file)), 'fresh');
      if ('text' in content) writeFileSync(fresh, content.text);
      else copyFileSync(content.from, fresh);
      chmodSync(fresh, 0o755);
      chownSync(fresh, USER, USER);
      renameSync(fresh, file);
    },
    async enforce(rules, nats) {
      await startBridge(cleanup, scratch);
      const config = agentConfig(scratch, {
        rules: writeRules(scratch, rules),
        ...(nats === undefined ? {} : { nats }),
      });
      return startAgent(cleanup, config);
    },
  };
  guarded.renewWork();
  return guarded;
}

/** A rule that denies by path: with `equal` and `startsWith` the bridge's own to give, with `ignoreCase:` the agent's. */
export function denyPath(
  name: string,
  operator: string,
  value: string,
  on: readonly string[] = ['auth.open', 'auth.exec'],
): unknown {
  return {
    name,
    on,
    conditions: { all: [{ fact: 'file', path: '$.path', operator, value }] },
    event: { type: 'deny' },
  };
}
