// The demo where this kernel cannot be guarded: the bridge plays a recording at its own pace, with real deadlines, and
// everything behind it is the same. What the agent answered is held against an offline run of the same rules.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { formatCount } from '../cli/output.ts';
import { decodeEvent } from '../events/decode-event.ts';
import type { EcsEvent } from '../events/ecs-event.ts';
import { headerOf } from '../events/encoded-event.ts';
import { EncodedFacts } from '../events/encoded-facts.ts';
import { EVENT_KIND, type Platform } from '../events/triggers.ts';
import { compileRules } from '../rules/compile.ts';
import { loadRules } from '../rules/load.ts';
import type { DemoOptions } from './live.ts';
import { complaints, type DemoParts, startParts, stopAgent } from './parts.ts';
import { percentilesOf } from './percentiles.ts';
import { makeFolder } from './scratch.ts';
import { claimAnswered, claimBooks, claimStream } from './verify.ts';

const PROJECT = join(import.meta.dirname, '../..');
/** The story of the recording; behind it come hundreds of ordinary opens. */
const SHOWN_ONE_BY_ONE = 18;
const DEADLINE_MS = 15_000;
/** Nothing more comes: all answers are there, and the recording has no longer pause. */
const QUIET_MS = 1_500;
/** Longer than the longest recording plays. */
const BOUND_MS = 45_000;

export interface RecordedOptions extends DemoOptions {
  readonly platform: Platform;
  /** Why the kernel of this machine is not guarded. */
  readonly reason: string;
}

/** @returns whether every claim holds */
export async function runRecordedDemo(options: RecordedOptions): Promise<boolean> {
  const { screen, undo, signal, platform } = options;
  const recording = join(PROJECT, 'demo', `${platform}.picket`);
  const rules = [join(PROJECT, 'rules', platform)];
  if (platform === 'linux') rules.push(join(import.meta.dirname, 'demo-rules.yaml'));

  screen.heading(
    'Picket on recorded events: the same bridge core, agent and stream, without a kernel to guard',
  );
  screen.line(`  This machine's kernel is not guarded: ${options.reason}.`);
  screen.line('  So this run cannot show:');
  screen.line('    - that the kernel enforces the verdicts (a denied open or exec gets EPERM);');
  screen.line('    - what a guarded open(2) costs whoever calls it;');
  screen.line('    - where the facts come from: fanotify, eBPF, the proc connector, Endpoint Security.');
  screen.line(
    `  It does show the rest: each auth event has a deadline of ${DEADLINE_MS / 1_000} s, of which the agent gets 1 s at most.`,
  );
  screen.line();

  const expected = await judgeOffline(recording, rules, platform);
  const folder = makeFolder(undo);
  const parts = await startParts({
    ...options,
    folder,
    platform,
    backend: [
      '--backend',
      'replay',
      '--file',
      recording,
      '--speed',
      '1',
      '--replay-deadline-ms',
      `${DEADLINE_MS}`,
    ],
    guarded: [],
    rules,
  });
  screen.heading('What comes back from JetStream');
  await showWhileItPlays(parts, expected.length, options);
  screen.heading('The end of the agent: it drains, and its books are held against the stream');
  const { books, exit } = await stopAgent(parts, options);
  signal.throwIfAborted();
  screen.books(books);
  const audits = parts.events.events
    .map(({ event }) => event)
    .filter(({ picket }) => picket?.auth !== undefined);
  screen.line();
  screen.latencies([
    [
      "the bridge's read to its answer",
      percentilesOf(audits.map(({ picket }) => picket?.auth?.answered_us ?? 0)),
    ],
  ]);
  const claims = [
    claimVerdicts(expected, audits),
    claimAnswered(audits),
    ...claimBooks(books),
    ...claimStream(books, parts.events, parts.alerts),
    { what: 'The agent drained and ended cleanly', holds: exit === 0, found: `exit ${exit}` },
  ];
  screen.summary(claims, () => complaints(parts), 'Verdicts equal what the kernel enforced');
  return claims.every(({ holds }) => holds);
}

/** What the same rules say of each recorded auth event, told of those that a rule matched. */
async function judgeOffline(
  recording: string,
  paths: readonly string[],
  platform: Platform,
): Promise<readonly string[]> {
  const { ruleSet } = await loadRules([...paths], { platform });
  const rules = compileRules(ruleSet, { platform });
  const facts = new EncodedFacts();
  const verdicts: string[] = [];
  for (const bytes of framesOf(readFileSync(recording))) {
    const { kind, trigger } = headerOf(bytes);
    if (kind !== EVENT_KIND.auth) continue;
    const decision = rules.decide(trigger, facts.reset(bytes));
    if (decision.matched.length === 0) continue;
    verdicts.push(signatureOf(decodeEvent(bytes), decision.verdict === 'deny' ? 'deny' : 'allow'));
  }
  return verdicts;
}

function* framesOf(file: Buffer): Generator<Uint8Array> {
  for (let offset = 0; offset + 4 <= file.length; ) {
    const length = file.readUInt32LE(offset);
    yield file.subarray(offset + 4, offset + 4 + length);
    offset += 4 + length;
  }
}

/** By what a recorded event and the one that came back are known to be the same, and the verdict. */
function signatureOf({ picket, process, file }: EcsEvent, verdict: string): string {
  return `${picket?.trigger} ${process?.pid} ${file?.path} ${verdict}`;
}

async function showWhileItPlays(
  { events, agent }: DemoParts,
  audits: number,
  { screen, signal }: RecordedOptions,
): Promise<void> {
  let shown = 0;
  const last = { count: 0, at: performance.now() };
  const show = (): void => {
    for (; shown < Math.min(events.events.length, SHOWN_ONE_BY_ONE); shown++) {
      const event = events.events[shown]?.event;
      if (event !== undefined) screen.event(event, '/srv/guarded');
    }
  };
  await events.waitFor(
    () => {
      show();
      if (agent.ended() !== undefined) return true;
      if (events.events.length > last.count)
        Object.assign(last, { count: events.events.length, at: performance.now() });
      const answered = events.events.filter(({ event }) => event.picket?.auth !== undefined).length;
      return answered >= audits && performance.now() - last.at > QUIET_MS;
    },
    signal,
    BOUND_MS,
  );
  const more = events.events.length - shown;
  if (more > 0) screen.line(`   … and ${formatCount(more)} more, most of them one program's ordinary opens`);
}

function claimVerdicts(expected: readonly string[], audits: readonly EcsEvent[]) {
  const told = audits.map((event) => signatureOf(event, event.picket?.auth?.verdict ?? ''));
  const isEqual = [...expected].sort().join('\n') === [...told].sort().join('\n');
  const denied = told.filter((text) => text.endsWith(' deny')).length;
  return {
    what: "Verdicts equal an offline run's of these rules",
    holds: isEqual,
    found: isEqual
      ? `${told.length} answers, ${denied} of them deny`
      : `${told.length} answers instead of ${expected.length}, or others`,
  };
}
