// The real agent: `picket run` with a configuration of the test's own.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ConfigInput } from '../../../src/config/schema.ts';
import { socketOf } from './bridge.ts';
import type { Cleanup } from './cleanup.ts';
import { type Running, start } from './process.ts';
import type { Scratch } from './scratch.ts';
import { waitFor } from './wait.ts';

const root = join(import.meta.dirname, '../../..');
export const nodeProgram = join(root, 'node_modules/.bin/node');
export const picketProgram = join(root, 'src/cli/main.ts');

export interface AgentSettings {
  /** Names the agent and its files; several agents of a test need several. */
  readonly name?: string;
  /** A folder of rule files. */
  readonly rules: string;
  /** Without it events go to an address at which nobody listens. */
  readonly nats?: string;
  readonly platform?: 'linux' | 'macos';
  /** What an open or exec may wait; by default so long that no default is taken for what the agent says. */
  readonly budgetMs?: number;
  readonly more?: ConfigInput;
}

/** Longer than any machine is slow. */
const PATIENCE_MS = 10_000;
/** As where the configuration says nothing. */
export const USUAL_BUDGET_MS = 100;

/** Writes the configuration file and returns its path. */
export function agentConfig(scratch: Scratch, settings: AgentSettings): string {
  const name = settings.name ?? 'agent';
  // What else is mounted on this machine meanwhile is not the test's.
  const { guard = { new_mounts: 'ignore' }, ...more } = settings.more ?? {};
  const budgetMs = settings.budgetMs ?? PATIENCE_MS;
  const config: ConfigInput = {
    agent: { name, group: 'test', drain_ms: 3_000 },
    bridge: { socket: socketOf(scratch), retry_max_ms: 500 },
    rules: { paths: [settings.rules], platform: settings.platform ?? 'linux' },
    guard: {
      filesystems: [scratch.mount],
      max_wait_ms: { open: budgetMs, exec: budgetMs },
      ...guard,
    },
    nats: { servers: [settings.nats ?? 'nats://127.0.0.1:9'], retry_max_ms: 500 },
    ...more,
  };
  const file = join(scratch.folder, `${name}.yaml`);
  // JSON is YAML.
  writeFileSync(file, JSON.stringify(config));
  return file;
}

/** Writes rules into a folder of their own and returns it. */
export function writeRules(scratch: Scratch, rules: readonly unknown[], name = 'rules'): string {
  const folder = join(scratch.folder, name);
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'rules.yaml'), JSON.stringify(rules));
  return folder;
}

/** Returns once the bridge has applied the agent's first policy. */
export async function startAgent(
  cleanup: Cleanup,
  config: string,
  options: {
    readonly args?: readonly string[];
    readonly wait?: boolean;
    /** A command that runs it, with the arguments before it. */
    readonly under?: readonly string[];
    readonly boundMs?: number;
  } = {},
): Promise<Running> {
  const args = [picketProgram, 'run', '-c', config, ...(options.args ?? [])];
  const [command = nodeProgram, ...before] =
    options.under === undefined ? [] : [...options.under, nodeProgram];
  const running = start(cleanup, command, [...before, ...args], { cwd: root });
  if (options.wait !== false) {
    const isInForce = (): boolean => {
      if (running.child.exitCode !== null) throw new Error(`the agent ended: ${running.stderr()}`);
      return /policy \d+ is in force/.test(running.stderr());
    };
    await waitFor(
      () => `the agent to be in force; it said ${running.stderr().slice(-2_000)}`,
      isInForce,
      options.boundMs,
    );
  }
  return running;
}
