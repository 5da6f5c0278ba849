// Bridge and agent under mayhem: struck, brought back as a service manager would, and for how long what they deny was open.
// Whatever is away is so from before the blow until it was seen to deny again.
import { constants } from 'node:fs';
import { open, readFile } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { agentConfig, startAgent, writeRules } from '../system/harness/agent.ts';
import { type RunningBridge, startBridge } from '../system/harness/bridge.ts';
import type { Cleanup } from '../system/harness/cleanup.ts';
import { startOpener } from '../system/harness/opener.ts';
import type { Running } from '../system/harness/process.ts';
import type { Scratch } from '../system/harness/scratch.ts';
import { waitFor } from '../system/harness/wait.ts';
import type { Interval } from './judge.ts';

/**
 * After which what was struck must be back, among all that is compiled and unpacked meanwhile; the bridge's watchdog
 * waits longer after each death.
 */
const BACK_WITHIN_MS = 120_000;
/** What an open or exec may wait; less than what counts as hung. */
const MAX_WAIT_MS = 2_000;
const BUSY_THREADS = 8;
/** So many kills would be taken for a crash loop, and then the bridge only observes. */
const UNTIRED = { args: ['--crash-loop', 'off'] };

export interface GuardedPaths {
  /** Denied by the bridge itself. */
  readonly sealed: string;
  /** Denied by a rule that only the agent can judge. */
  readonly secret: string;
}

export interface GuardSettings {
  /** Without it events go to an address at which nobody listens. */
  readonly nats?: string;
  readonly maxWaitMs?: number;
  /** Rules besides those that deny the two paths. */
  readonly more?: readonly unknown[];
}

export class Guard {
  readonly #cleanup: Cleanup;
  readonly #scratch: Scratch;
  readonly #paths: GuardedPaths;
  readonly #settings: GuardSettings;
  readonly #bridgeStopped: Interval[] = [];
  readonly #sealedAway: Interval[] = [];
  readonly #secretAway: Interval[] = [];
  #bridge: RunningBridge;
  #agent: Running;
  #reloads = 0;

  static async start(
    cleanup: Cleanup,
    scratch: Scratch,
    paths: GuardedPaths,
    settings: GuardSettings = {},
  ): Promise<Guard> {
    writeRules(scratch, rulesOf(paths, 0, settings));
    const bridge = await startBridge(cleanup, scratch, UNTIRED);
    const agent = await startAgent(cleanup, configOf(scratch, settings), { boundMs: BACK_WITHIN_MS });
    return new Guard(cleanup, scratch, paths, settings, bridge, agent);
  }

  private constructor(
    cleanup: Cleanup,
    scratch: Scratch,
    paths: GuardedPaths,
    settings: GuardSettings,
    bridge: RunningBridge,
    agent: Running,
  ) {
    this.#cleanup = cleanup;
    this.#scratch = scratch;
    this.#paths = paths;
    this.#settings = settings;
    this.#bridge = bridge;
    this.#agent = agent;
  }

  /** When the bridge was away, and with it all that is denied. */
  get sealedAway(): readonly Interval[] {
    return this.#sealedAway;
  }

  /** When the agent was away, or the bridge. */
  get secretAway(): readonly Interval[] {
    return this.#secretAway;
  }

  /** When the bridge was stopped, until its watchdog had killed it and another one denied. */
  get bridgeStopped(): readonly Interval[] {
    return this.#bridgeStopped;
  }

  /** Resident memory in KiB. */
  async memory(): Promise<{ readonly bridge: number; readonly agent: number }> {
    const [bridge, agent] = await Promise.all([
      residentKiB(this.#bridge.guardPid()),
      residentKiB(this.#agent.pid),
    ]);
    return { bridge, agent };
  }

  async agentAway(signal: 'SIGKILL' | 'SIGTERM'): Promise<void> {
    const fromNs = nowNs();
    this.#agent.signal(signal);
    await this.#agent.ended(BACK_WITHIN_MS);
    const config = configOf(this.#scratch, this.#settings);
    this.#agent = await startAgent(this.#cleanup, config, { boundMs: BACK_WITHIN_MS });
    await this.#secretBack(fromNs);
  }

  async agentStopped(ms: number): Promise<void> {
    const fromNs = nowNs();
    this.#agent.signal('SIGSTOP');
    await delay(ms);
    this.#agent.signal('SIGCONT');
    await this.#secretBack(fromNs);
  }

  /** Opens of a file over which the agent's rules take long, from several threads. */
  async agentBusy(path: string, ms: number): Promise<void> {
    const fromNs = nowNs();
    const openers = startOpener(this.#cleanup, { paths: [path], threads: BUSY_THREADS, seconds: ms / 1_000 });
    await openers.report(BACK_WITHIN_MS);
    await this.#secretBack(fromNs);
  }

  /** Its watchdog kills it where it does not die at once, and starts the next. */
  async bridgeAway(signal: 'SIGKILL' | 'SIGABRT' | 'SIGSTOP'): Promise<void> {
    const fromNs = nowNs();
    const pid = this.#bridge.guardPid();
    const starts = this.#bridge.starts();
    process.kill(pid, signal);
    await waitFor(
      'the watchdog to start another bridge',
      () => this.#bridge.starts() > starts,
      BACK_WITHIN_MS,
    );
    await this.#bothBack(fromNs);
    if (signal === 'SIGSTOP') this.#bridgeStopped.push({ fromNs, toNs: nowNs() });
  }

  /** The service manager's part: the bridge ends with its watchdog, and both are started again. */
  async watchdogKilled(): Promise<void> {
    const fromNs = nowNs();
    this.#bridge.signal('SIGKILL');
    await this.#bridge.ended(BACK_WITHIN_MS);
    this.#bridge = await startBridge(this.#cleanup, this.#scratch, UNTIRED);
    await this.#bothBack(fromNs);
  }

  async reload(): Promise<void> {
    this.#reloads++;
    writeRules(this.#scratch, rulesOf(this.#paths, this.#reloads, this.#settings));
    this.#agent.signal('SIGHUP');
  }

  /** Ends both cleanly, and gives what the agent printed. */
  async stop(): Promise<string> {
    await this.#agent.stop();
    await this.#bridge.stop();
    return this.#agent.stderr();
  }

  async #bothBack(fromNs: number): Promise<void> {
    await untilDenied(this.#paths.sealed);
    this.#sealedAway.push({ fromNs, toNs: nowNs() });
    await this.#secretBack(fromNs);
  }

  async #secretBack(fromNs: number): Promise<void> {
    await untilDenied(this.#paths.secret);
    this.#secretAway.push({ fromNs, toNs: nowNs() });
  }
}

function configOf(scratch: Scratch, { nats, maxWaitMs = MAX_WAIT_MS }: GuardSettings): string {
  // A default at a deadline would be an opening as the configuration wants it: here the agent has time, however busy the
  // machine is, and what is opened while it is there is a fault.
  const guard = {
    filesystems: [scratch.mount],
    new_mounts: 'ignore' as const,
    max_wait_ms: { open: maxWaitMs, exec: maxWaitMs },
  };
  const rules = `${scratch.folder}/rules`;
  return agentConfig(scratch, { rules, ...(nats === undefined ? {} : { nats }), more: { guard } });
}

/** `version` names a rule, so that a reload changes something. */
function rulesOf({ sealed, secret }: GuardedPaths, version: number, { more = [] }: GuardSettings): unknown[] {
  const on = (path: string, ...more: object[]): object => ({
    all: [{ fact: 'file', path: '$.path', operator: 'equal', value: path }, ...more],
  });
  const hasContent = { fact: 'file', path: '$.size', operator: 'greaterThan', value: 0 };
  return [
    { name: 'sealed', on: ['auth.open'], conditions: on(sealed), event: { type: 'deny' } },
    { name: 'secret', on: ['auth.open'], conditions: on(secret, hasContent), event: { type: 'deny' } },
    {
      name: `programs-forwarded-${version}`,
      on: ['notify.exec', 'notify.rename', 'notify.unlink'],
      conditions: { all: [{ fact: 'process', path: '$.pid', operator: 'greaterThan', value: 0 }] },
      event: { type: 'forward' },
    },
    ...more,
  ];
}

/** In a thread of the pool: an open that waits must not keep the mayhem from going on. */
async function untilDenied(path: string): Promise<void> {
  await waitFor(
    `${path} to be denied again`,
    async () => {
      try {
        const file = await open(path, constants.O_RDONLY);
        await file.close();
        return false;
      } catch (error) {
        return (error as NodeJS.ErrnoException).code === 'EPERM';
      }
    },
    BACK_WITHIN_MS,
  );
}

/** CLOCK_MONOTONIC, as the clients' logs have it. */
export function nowNs(): number {
  return Number(process.hrtime.bigint());
}

async function residentKiB(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '');
  return Number(/^VmRSS:\s+(\d+)/m.exec(status)?.[1] ?? 0);
}
