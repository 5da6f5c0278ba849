// The three processes of the demo, started as an operator would start them, and the reader of the stream.
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { connect } from '@nats-io/transport-node';
import type { ConfigInput } from '../config/schema.ts';
import { loadRules } from '../rules/load.ts';
import { setupStream } from '../sinks/stream.ts';
import { type AgentBooks, readBooks } from './books.ts';
import { type Part, startPart, waitForPart } from './child.ts';
import { Collector } from './collector.ts';
import { startPrivateNats } from './nats-server.ts';
import type { Screen } from './screen.ts';
import type { Undo } from './undo.ts';

const MAIN = join(import.meta.dirname, '../cli/main.ts');
const GROUP = 'demo';
/** Small, so that what was just done is shown at once. */
const BATCH_AGE_MS = 40;
/** Longer than the default: a machine that is busy with other things should show decisions, not defaults. */
const MAX_WAIT_MS = { exec: 1_000, open: 1_000 };
const READ_BACK_BOUND_MS = 30_000;

export interface PartsOptions {
  readonly bridgeBinary: string;
  readonly signal: AbortSignal;
  readonly undo: Undo;
  readonly screen: Screen;
  readonly folder: string;
  readonly platform: 'linux' | 'macos';
  /** Arguments that choose the bridge's backend. */
  readonly backend: readonly string[];
  /** Filesystems that may be guarded. */
  readonly guarded: readonly string[];
  readonly rules: readonly string[];
}

export interface DemoParts {
  readonly agent: Part;
  readonly bridge: Part;
  readonly events: Collector;
  readonly alerts: Collector;
}

export async function startParts(options: PartsOptions): Promise<DemoParts> {
  const { undo, signal, screen, folder, platform } = options;
  const nats = await startPrivateNats(undo, folder, signal);
  await setUpStream(nats.url);
  screen.part('nats-server', `${nats.url}, JetStream, stream PICKET`);

  // What is published stands in the stream: readers that start first show it as it comes.
  const events = new Collector();
  const alerts = new Collector();
  await events.open(undo, nats.url, `picket.events.${GROUP}.>`);
  await alerts.open(undo, nats.url, `picket.alerts.${GROUP}.>`);

  const socket = join(folder, 'bridge', 'bridge.sock');
  const bridge = await startBridge(options, socket);
  screen.part('picket-bridge', `backend ${options.backend[1]}, ${socket}`);

  const agent = await startAgent(options, agentConfig(options, socket, nats.url));
  const rules = await countRules(options.rules, platform);
  screen.part('picket run', `the agent: ${rules} rules for ${platform}, its policy is in force`);
  return { agent, bridge, events, alerts };
}

/** Ends the agent by SIGTERM, waits until the readers have what it says it delivered. */
export async function stopAgent(
  { agent, events, alerts }: DemoParts,
  { signal }: { readonly signal: AbortSignal },
): Promise<{ readonly books: AgentBooks; readonly exit: number | NodeJS.Signals }> {
  const exit = await agent.stop();
  const books = readBooks(agent.log());
  const isAllHere = (): boolean =>
    events.events.length >= books.events.acknowledged && alerts.events.length >= books.alertLane.acknowledged;
  await events.waitFor(isAllHere, signal, READ_BACK_BOUND_MS);
  return { books, exit };
}

async function setUpStream(url: string): Promise<void> {
  const connection = await connect({ servers: url, reconnect: false, timeout: 5_000 });
  try {
    await setupStream(connection);
  } finally {
    await connection.close();
  }
}

async function startBridge(options: PartsOptions, socket: string): Promise<Part> {
  const { undo, folder, signal, bridgeBinary, backend } = options;
  const state = join(folder, 'state');
  mkdirSync(join(folder, 'bridge'), { mode: 0o750 });
  mkdirSync(state);
  const bridge = await startPart(undo, {
    name: 'picket-bridge',
    command: bridgeBinary,
    args: [...backend, '--socket', socket, '--state-dir', state],
    logFile: join(folder, 'bridge.log'),
  });
  await waitForPart(bridge, 'it listens', signal, () => (existsSync(socket) ? true : undefined));
  return bridge;
}

async function startAgent({ undo, folder, signal }: PartsOptions, config: ConfigInput): Promise<Part> {
  const file = join(folder, 'picket.yaml');
  writeFileSync(file, JSON.stringify(config, null, 2)); // JSON is YAML
  const agent = await startPart(undo, {
    name: 'the agent',
    command: process.execPath,
    args: [MAIN, 'run', '-c', file],
    logFile: join(folder, 'agent.log'),
  });
  await waitForPart(agent, 'its policy is in force', signal, () =>
    /policy \d+ is in force/.test(agent.log()) ? true : undefined,
  );
  return agent;
}

function agentConfig({ guarded, rules, platform }: PartsOptions, socket: string, url: string): ConfigInput {
  return {
    agent: { name: 'this-machine', group: GROUP, drain_ms: 6_000 },
    bridge: { socket },
    rules: { paths: [...rules], platform, watch: false },
    guard: { filesystems: [...guarded], max_wait_ms: MAX_WAIT_MS },
    nats: { servers: [url] },
    batch: { max_age_ms: BATCH_AGE_MS },
  };
}

async function countRules(paths: readonly string[], platform: 'linux' | 'macos'): Promise<number> {
  const { ruleSet } = await loadRules(paths, { platform });
  return ruleSet.rules.filter(({ platforms }) => platforms.includes(platform)).length;
}

const WORDS_MAX = 12;

/** What the parts complained about, for a demo that did not come out as it should. */
export function complaints({ agent, bridge }: DemoParts): readonly string[] {
  return [agent, bridge].flatMap((part) =>
    part
      .log()
      .split('\n')
      .filter((line) => /"level":"(warn|error|fatal)"|level=(warn|error)/.test(line))
      .slice(-WORDS_MAX)
      .map(
        (line) =>
          `${part.name}: ${/"msg":"((?:[^"\\]|\\.)*)"/.exec(line)?.[1] ?? line.replace(/^time=\S+ /, '')}`,
      ),
  );
}
