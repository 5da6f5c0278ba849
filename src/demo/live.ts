// The live demo: the bridge guards a scratch mount of its own on this machine's kernel, the agent decides, JetStream
// keeps, and what came back is held against what the kernel did.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { formatCount } from '../cli/output.ts';
import type { EcsEvent } from '../events/ecs-event.ts';
import { type Actor, startActor } from './actor-process.ts';
import { ACTS, type Act, furnish } from './acts.ts';
import { complaints, type DemoParts, startParts, stopAgent } from './parts.ts';
import { percentilesOf } from './percentiles.ts';
import { makeFolder, mountScratch } from './scratch.ts';
import type { Screen } from './screen.ts';
import type { Undo } from './undo.ts';
import { type Claim, claimAnswered, claimBooks, claimStream } from './verify.ts';

const LOAD_OPENS = 3_000;
const EVENT_BOUND_MS = 15_000;
const LOAD_BOUND_MS = 30_000;

export interface DemoOptions {
  readonly bridgeBinary: string;
  readonly signal: AbortSignal;
  readonly undo: Undo;
  readonly screen: Screen;
}

/** @returns whether every claim holds */
export async function runLiveDemo(options: DemoOptions): Promise<boolean> {
  const { screen, signal, undo } = options;
  screen.heading('Picket on this kernel: real events, real verdicts');
  const folder = makeFolder(undo);
  const mount = join(folder, 'guarded');
  await mountScratch(undo, mount);
  const loadPaths = furnish(mount);
  screen.part('scratch mount', `${mount} (tmpfs), the only filesystem that is guarded`);
  const actor = startActor(undo);
  const unguarded = await actor.perform({ act: 'load', paths: loadPaths, count: LOAD_OPENS }, signal);

  const parts = await startParts({
    ...options,
    folder,
    platform: 'linux',
    backend: ['--backend', 'linux'],
    guarded: [mount],
    rules: writeRules(folder, mount),
  });

  const claims: Claim[] = [];
  const told: boolean[] = [];
  for (const [index, act] of ACTS.entries()) {
    told.push(await play(act, index + 1, mount, actor, parts, options));
  }
  const load = await playLoad(loadPaths, actor, parts, options);
  showLatencies(screen, unguarded.tookUs, load.tookUs, load.events);

  screen.heading('The end of the agent: it drains, and its books are held against the stream');
  const { books, exit } = await stopAgent(parts, options);
  screen.books(books);
  const equal = told.filter(Boolean).length;
  claims.push(
    {
      what: 'Verdicts equal what the kernel enforced',
      holds: equal === ACTS.length && load.holds,
      found: `${equal} of ${ACTS.length} acts; ${load.found}`,
    },
    claimAnswered(parts.events.events.map(({ event }) => event)),
    ...claimBooks(books),
    ...claimStream(books, parts.events, parts.alerts),
    { what: 'The agent drained and ended cleanly', holds: exit === 0, found: `exit ${exit}` },
  );
  screen.summary(claims, () => complaints(parts));
  return claims.every(({ holds }) => holds);
}

/** The shipped rules for Linux, and the demo's own with the scratch mount's path in them. */
function writeRules(folder: string, mount: string): readonly string[] {
  const rules = join(folder, 'rules');
  mkdirSync(rules);
  const text = readFileSync(join(import.meta.dirname, 'demo-rules.yaml'), 'utf8');
  writeFileSync(join(rules, 'demo.yaml'), text.replaceAll('/srv/guarded', mount));
  return [join(import.meta.dirname, '../../rules/linux'), rules];
}

/** Whether the kernel did what was expected, and the event that came back says the same. */
async function play(
  act: Act,
  number: number,
  mount: string,
  actor: Actor,
  { events }: DemoParts,
  { screen, signal }: DemoOptions,
): Promise<boolean> {
  const path = join(mount, act.path);
  const args = act.args.map((arg) => (arg.includes('/') ? join(mount, arg) : arg));
  screen.act(number, act.title, act.kind === 'open' ? `open ${act.path}` : [act.path, ...act.args].join(' '));
  const seen = events.events.length;
  const reply = await actor.perform(
    act.kind === 'open' ? { act: 'open', path } : { act: 'exec', path, args },
    signal,
  );
  screen.outcome(reply.error, reply.tookUs, reply.output);

  const find = (): readonly (EcsEvent | undefined)[] => {
    const fresh = events.events.slice(seen).map(({ event }) => event);
    return act.events.map((wanted) =>
      fresh.find(({ picket, file, process }) => {
        if (picket?.trigger !== wanted.trigger) return false;
        return (
          (wanted.trigger === 'notify.exec' ? process?.executable : file?.path) === join(mount, wanted.path)
        );
      }),
    );
  };
  await events.waitFor(() => find().every((event) => event !== undefined), signal, EVENT_BOUND_MS);
  const found = find();
  for (const [index, event] of found.entries()) {
    if (event !== undefined) screen.event(event, mount);
    else screen.missing(act.events[index]?.trigger ?? '?');
  }
  const enforced = reply.error === '' ? 'allow' : reply.error === 'EPERM' ? 'deny' : reply.error;
  const isTold = found.every((event) => event !== undefined);
  return isTold && enforced === act.expected && found[0]?.picket?.auth?.verdict === enforced;
}

interface LoadResult {
  readonly tookUs: readonly number[];
  readonly events: readonly EcsEvent[];
  readonly holds: boolean;
  readonly found: string;
}

async function playLoad(
  paths: readonly string[],
  actor: Actor,
  { events }: DemoParts,
  { screen, signal }: DemoOptions,
): Promise<LoadResult> {
  screen.heading(`${formatCount(LOAD_OPENS)} opens, one after another, each asked about and answered`);
  const wanted = new Set(paths);
  const seen = events.events.length;
  const reply = await actor.perform({ act: 'load', paths, count: LOAD_OPENS }, signal);
  const find = (): EcsEvent[] =>
    events.events
      .slice(seen)
      .map(({ event }) => event)
      .filter(({ picket, file }) => picket?.trigger === 'auth.open' && wanted.has(file?.path ?? ''));
  await events.waitFor(() => find().length >= LOAD_OPENS, signal, LOAD_BOUND_MS);
  const found = find();
  const allowed = found.filter(({ picket }) => picket?.auth?.verdict === 'allow').length;
  return {
    tookUs: reply.tookUs,
    events: found,
    holds: reply.failed === 0 && found.length === LOAD_OPENS && allowed === LOAD_OPENS,
    found: `${formatCount(allowed)} of ${formatCount(LOAD_OPENS)} opens`,
  };
}

function showLatencies(
  screen: Screen,
  unguarded: readonly number[],
  guarded: readonly number[],
  events: readonly EcsEvent[],
): void {
  screen.latencies([
    ["open(2) before guarding, the opener's clock", percentilesOf(unguarded)],
    ["open(2) guarded, the opener's clock", percentilesOf(guarded)],
    [
      "the bridge's read to its answer",
      percentilesOf(events.map(({ picket }) => picket?.auth?.answered_us ?? 0)),
    ],
  ]);
}
