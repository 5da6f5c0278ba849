// Kills and stops of agent and bridge, one after another, while 64 threads open files: what their own logs say of it.
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { askBridge } from '../../../src/control/ask-bridge.ts';
import type { AuthOutcomes } from '../../../src/observe/auth-outcomes.ts';
import { Guard, nowNs } from '../../soak/guard.ts';
import { type Interval, type Judgement, judge } from '../../soak/judge.ts';
import { randomFrom } from '../../soak/mayhem.ts';
import { socketOf } from './bridge.ts';
import { busyRules } from './busy-rules.ts';
import type { Cleanup } from './cleanup.ts';
import { type Call, type Opener, readOpenerLog, startOpener } from './opener.ts';
import { makeScratch, type Scratch } from './scratch.ts';
import { waitFor } from './wait.ts';

export interface KillsOptions {
  readonly count: number;
  readonly seed: number;
  /** Of each open and exec. */
  readonly budgetMs: number;
  /** A call that takes longer hangs, whatever happened meanwhile. */
  readonly hungMs: number;
  readonly onBlow?: (done: number, name: string) => void;
}

/** Calls that took longer than their budget and 50 ms more. */
interface Beyond {
  readonly calls: number;
  /** Of these: while the bridge was stopped, which its watchdog ends. */
  readonly whileBridgeStopped: number;
  /** Of the rest: while an opener of a file that nobody watches was late by as much. */
  readonly whileMachineStalled: number;
  readonly unexplained: number;
  readonly longestMs: number;
}

export interface KillsReport {
  readonly blows: Readonly<Record<string, number>>;
  readonly clients: readonly Judgement[];
  readonly beyond: Beyond;
  /** Of the opener that nobody watches. */
  readonly control: { readonly calls: number; readonly stalls: number; readonly longestMs: number };
  /** By the bridges' own count; `unheard`: answers that nobody waited for, as a second one would be. */
  readonly answers: { readonly bridges: number; readonly answered: number; readonly unheard: number };
  /** Once nobody opens any more: requests of the last bridge without an answer. */
  readonly unanswered: number;
  /** Between two blows: times in which the bridge counted a default, so that the agent did not answer all. */
  readonly lapses: number;
  /** Denies of what only the agent denies, outside of blows and lapses. */
  readonly deniesByAgent: number;
  readonly longestAwayMs: { readonly bridge: number; readonly agent: number };
  readonly faults: readonly string[];
}

const GRACE_MS = 50;
const SLOW_RULES = 300;
/** Of an agent that does not answer; overload is answered without asking it. */
const DEFAULTS = ['default_deadline', 'default_breaker', 'default_no_agent', 'overload'];

interface Blow {
  readonly name: string;
  strike(guard: Guard, random: () => number, slow: string): Promise<void>;
}

/**
 * All of them in any order, then again. A watchdog waits longer after each death of its bridge, so it is struck as often as
 * they are: whoever comes next begins anew.
 */
const BLOWS: readonly Blow[] = [
  { name: 'SIGKILL of the agent', strike: (guard) => guard.agentAway('SIGKILL') },
  { name: 'SIGKILL of the agent', strike: (guard) => guard.agentAway('SIGKILL') },
  { name: 'SIGSTOP of the agent', strike: (guard, random) => guard.agentStopped(50 + random() * 1_000) },
  { name: 'SIGSTOP of the agent', strike: (guard, random) => guard.agentStopped(50 + random() * 1_000) },
  {
    name: 'its worker kept busy',
    strike: (guard, random, slow) => guard.agentBusy(slow, 200 + random() * 800),
  },
  { name: 'SIGKILL of the bridge', strike: (guard) => guard.bridgeAway('SIGKILL') },
  { name: 'SIGABRT of the bridge', strike: (guard) => guard.bridgeAway('SIGABRT') },
  { name: 'SIGSTOP of the bridge', strike: (guard) => guard.bridgeAway('SIGSTOP') },
  { name: 'SIGKILL of its watchdog', strike: (guard) => guard.watchdogKilled() },
];

interface Client {
  readonly name: string;
  readonly isDenied: boolean;
  readonly opener: Opener;
  readonly log: string;
  away(): readonly Interval[];
  /** Of one call: an execve asks to open the program to be run, and to open it. */
  readonly requests: number;
}

export async function strikeOften(cleanup: Cleanup, options: KillsOptions): Promise<KillsReport> {
  const scratch = makeScratch(cleanup, 'ext4');
  const paths = { sealed: scratch.file('sealed'), secret: scratch.file('secret') };
  const slow = scratch.deepFile(15, 240);
  const guard = await Guard.start(cleanup, scratch, paths, {
    maxWaitMs: options.budgetMs,
    more: busyRules(SLOW_RULES),
  });
  const account = new Account(scratch);
  const secretAway = account.away;
  const clients = startClients(cleanup, scratch, guard, secretAway, paths);
  const control = startControl(cleanup, scratch);

  const random = randomFrom(options.seed);
  const blows: Record<string, number> = {};
  await account.open();
  for (let done = 0, left: Blow[] = []; done < options.count; done++) {
    await delay(100 + random() * 300);
    if (left.length === 0) left = [...BLOWS];
    const [blow] = left.splice(Math.floor(random() * left.length), 1);
    if (blow === undefined) throw new Error('nothing to strike with');
    await account.close();
    await blow.strike(guard, random, slow);
    await account.open();
    blows[blow.name] = (blows[blow.name] ?? 0) + 1;
    options.onBlow?.(done + 1, blow.name);
  }
  await delay(300);
  await account.close();
  for (const { opener } of [...clients, control]) await opener.stop();
  const unanswered = await account.settled();
  await guard.stop();

  const stalls = stallsIn(readOpenerLog(control.log));
  const judged = clients.map((client) => ({ client, calls: readOpenerLog(client.log) }));
  const judgements = judged.map(({ client, calls }) =>
    judge({ ...client, calls, away: client.away() }, options.hungMs),
  );
  const faults = judgements.flatMap((judgement) => judgement.faults);
  if (account.unheard > 0) faults.push(`${account.unheard} answers found nobody who waited for them`);
  if (unanswered > 0) faults.push(`${unanswered} requests have no answer`);
  return {
    blows,
    clients: judgements,
    beyond: sumOf(
      judged.map(({ client, calls }) => {
        const boundMs = client.requests * options.budgetMs + GRACE_MS;
        return beyondOf(calls, boundMs, guard.bridgeStopped, stalls.intervals);
      }),
    ),
    control: { calls: stalls.calls, stalls: stalls.stalls, longestMs: stalls.longestMs },
    answers: { bridges: account.bridges, answered: account.answered, unheard: account.unheard },
    unanswered,
    lapses: account.lapses,
    deniesByAgent: deniesOutside(
      judged.find(({ client }) => client.name.includes('secret'))?.calls ?? [],
      secretAway,
    ),
    longestAwayMs: { bridge: longestMs(guard.sealedAway), agent: longestMs(guard.secretAway) },
    faults,
  };
}

/** What the bridges count, asked right before and after each blow: so it is known what they counted between two. */
class Account {
  /** When it is not sure that the agent answers: around blows, and between two with a default in between. */
  readonly away: Interval[] = [];
  bridges = 0;
  answered = 0;
  unheard = 0;
  lapses = 0;
  readonly #scratch: Scratch;
  #openedNs = 0;
  #closedNs = nowNs();
  #defaults = 0;

  constructor(scratch: Scratch) {
    this.#scratch = scratch;
  }

  /** The agent was seen to deny: from here on a default is a lapse. */
  async open(): Promise<void> {
    this.#defaults = defaultsIn(await this.#outcomes());
    this.#openedNs = nowNs();
    this.away.push({ fromNs: this.#closedNs, toNs: this.#openedNs });
  }

  /** Before the next blow, after which the bridge may be another one. */
  async close(): Promise<void> {
    this.#closedNs = nowNs();
    const outcomes = await this.#outcomes();
    this.bridges++;
    this.answered += sum(outcomes.actions.flatMap(({ answers }) => answers.map(({ count }) => count)));
    this.unheard += outcomes.unheardAnswers;
    if (defaultsIn(outcomes) === this.#defaults) return;
    this.lapses++;
    this.away.push({ fromNs: this.#openedNs, toNs: this.#closedNs });
  }

  async settled(): Promise<number> {
    const unanswered = async (): Promise<number> =>
      sum((await this.#outcomes()).actions.map((action) => action.unanswered));
    await waitFor('each request to be answered', async () => (await unanswered()) === 0).catch(
      () => undefined,
    );
    return unanswered();
  }

  async #outcomes(): Promise<AuthOutcomes> {
    const { outcomes } = await askBridge({
      socketPath: socketOf(this.#scratch),
      command: 'status',
      timeoutMs: 60_000,
    });
    if (outcomes === undefined) throw new Error('the bridge did not say what became of requests');
    return outcomes;
  }
}

function defaultsIn(outcomes: AuthOutcomes): number {
  const answers = outcomes.actions.flatMap((action) => action.answers);
  return sum(answers.filter(({ by }) => DEFAULTS.includes(by)).map(({ count }) => count));
}

function startClients(
  cleanup: Cleanup,
  scratch: Scratch,
  guard: Guard,
  secretAway: readonly Interval[],
  paths: { readonly sealed: string; readonly secret: string },
): readonly Client[] {
  const client = (
    name: string,
    path: string,
    threads: number,
    more: { readonly away?: () => readonly Interval[]; readonly exec?: boolean },
  ): Client => {
    const { away, exec = false } = more;
    const log = join(scratch.folder, `${name.replaceAll(' ', '-')}.log`);
    const opener = startOpener(cleanup, {
      paths: [path],
      threads,
      exec,
      seconds: 86_400,
      pauseUs: PAUSE_US,
      log,
    });
    return {
      name,
      isDenied: away !== undefined,
      opener,
      log,
      away: away ?? (() => []),
      requests: exec ? 2 : 1,
    };
  };
  return [
    client('opens of the sealed file', paths.sealed, 12, { away: () => guard.sealedAway }),
    client('opens of the secret file', paths.secret, 16, { away: () => secretAway }),
    client('opens of an allowed file', scratch.file('opened'), 28, {}),
    client('starts of an allowed program', scratch.program('program'), 8, { exec: true }),
  ];
}

/** Of each thread between two calls: they wait for answers, not for the processor. */
const PAUSE_US = 40_000;
const CONTROL_RATE = 200;

function startControl(
  cleanup: Cleanup,
  { folder }: Scratch,
): { readonly opener: Opener; readonly log: string } {
  const log = join(folder, 'control.log');
  const opener = startOpener(cleanup, { paths: ['/dev/null'], rate: CONTROL_RATE, seconds: 86_400, log });
  return { opener, log };
}

function stallsIn(
  calls: readonly Call[],
): KillsReport['control'] & { readonly intervals: readonly Interval[] } {
  const tookMs = (call: Call): number => (call.endedNs - call.scheduledNs) / 1e6;
  const intervals: { fromNs: number; toNs: number }[] = [];
  for (const call of calls) {
    if (tookMs(call) <= GRACE_MS) continue;
    // Those that were due meanwhile are late by the same stall.
    const last = intervals.at(-1);
    if (last !== undefined && call.scheduledNs <= last.toNs) last.toNs = Math.max(last.toNs, call.endedNs);
    else intervals.push({ fromNs: call.scheduledNs, toNs: call.endedNs });
  }
  return {
    calls: calls.length,
    stalls: intervals.length,
    longestMs: calls.reduce((longest, call) => Math.max(longest, tookMs(call)), 0),
    intervals,
  };
}

function beyondOf(
  calls: readonly Call[],
  boundMs: number,
  stopped: readonly Interval[],
  stalls: readonly Interval[],
): Beyond {
  const tookMs = (call: Call): number => (call.endedNs - call.startedNs) / 1e6;
  const within = (call: Call, intervals: readonly Interval[]): boolean =>
    intervals.some(({ fromNs, toNs }) => call.startedNs <= toNs && call.endedNs >= fromNs);
  const beyond = calls.filter((call) => tookMs(call) > boundMs);
  const others = beyond.filter((call) => !within(call, stopped));
  const unexplained = others.filter((call) => !within(call, stalls));
  return {
    calls: beyond.length,
    whileBridgeStopped: beyond.length - others.length,
    whileMachineStalled: others.length - unexplained.length,
    unexplained: unexplained.length,
    longestMs: calls.reduce((longest, call) => Math.max(longest, tookMs(call)), 0),
  };
}

function sumOf(parts: readonly Beyond[]): Beyond {
  return {
    calls: sum(parts.map(({ calls }) => calls)),
    whileBridgeStopped: sum(parts.map(({ whileBridgeStopped }) => whileBridgeStopped)),
    whileMachineStalled: sum(parts.map(({ whileMachineStalled }) => whileMachineStalled)),
    unexplained: sum(parts.map(({ unexplained }) => unexplained)),
    longestMs: Math.max(...parts.map(({ longestMs }) => longestMs)),
  };
}

const EPERM = 1;

function deniesOutside(calls: readonly Call[], away: readonly Interval[]): number {
  const isOutside = ({ startedNs, endedNs }: Call): boolean =>
    !away.some(({ fromNs, toNs }) => endedNs >= fromNs && startedNs <= toNs);
  return calls.filter((call) => call.error === EPERM && isOutside(call)).length;
}

function longestMs(intervals: readonly Interval[]): number {
  return Math.max(0, ...intervals.map(({ fromNs, toNs }) => Math.round((toNs - fromNs) / 1e6)));
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
