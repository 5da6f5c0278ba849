// What rules cost an event: Picket from encoded bytes and from objects beside json-rules-engine, a loop over generated
// predicates, json-logic-engine and cel-js, over the same rules and the same events. Every engine has a thread of its own;
// rounds alternate between them, one at a time; Picket runs twice, which shows the noise. Before anything is timed each
// engine has named the rules that match each event, and all names were the same.

import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import type { RuleSet } from '../src/rules/schema.ts';
import { makeReport, type Report, type Row } from './report.ts';
import { adverseSets } from './rules/adverse.ts';
import type { BenchEvent } from './rules/bench-event.ts';
import type { CompileCost } from './rules/compile-cost.ts';
import { Measurement, median, percentile } from './rules/measurement.ts';
import { type Mix, readMix, SIZES } from './rules/mix.ts';
import { type SubjectName, TITLES } from './rules/subjects.ts';

const EVENTS = 1_000;
const RIVALS = ['loop', 'json-logic', 'cel', 'jre'] as const satisfies readonly SubjectName[];

interface Effort {
  /** For machine code to be made: thousands of generated functions take a while. */
  readonly warmUpMs: number;
  readonly rounds: number;
  /** How long one engine's turn in a round may take; a slow engine sees fewer events instead. */
  readonly roundMs: number;
}

interface Load {
  readonly name: string;
  readonly ruleSet: RuleSet;
  readonly events: readonly BenchEvent[];
}

interface Measured {
  readonly subjects: ReadonlyMap<SubjectName, Measurement>;
  /** Of each to Picket, over the same events. */
  readonly ratios: ReadonlyMap<SubjectName, number>;
}

export async function benchRules(quick: boolean): Promise<Report> {
  const effort: Effort = quick
    ? { warmUpMs: 200, rounds: 5, roundMs: 30 }
    : { warmUpMs: 3_000, rounds: 15, roundMs: 300 };
  const mix = readMix();
  if (mix.digest !== mix.expectedDigest) {
    throw new Error(`rules-mix.yaml yields ${mix.digest}, not its digest ${mix.expectedDigest}`);
  }
  const notes: string[] = [];
  const rows: Row[] = [];
  const ratios: Record<string, number> = {};
  for (const size of SIZES) {
    const load = { name: `${size} rules`, ruleSet: mix.rules(size), events: mix.events(EVENTS, size) };
    const measured = await measure(load, ['picket', 'again', 'objects', ...RIVALS], effort, notes);
    rows.push(...rowsOf(load, measured));
    Object.assign(ratios, ratiosOf(size, measured));
    await stopAll(measured);
  }
  Object.assign(ratios, await growth(mix, effort));
  for (const load of adverseSets(mix, EVENTS)) {
    const measured = await measure(load, ['picket', 'objects', 'loop'], effort, notes);
    rows.push(...rowsOf(load, measured));
    await stopAll(measured);
  }
  rows.push(compileRow(compileCost()));
  return makeReport('rules', rows, ratios, [...fixedNotes(quick), ...notes]);
}

/** Rounds in turns, after all engines have agreed. */
async function measure(
  load: Load,
  names: readonly SubjectName[],
  effort: Effort,
  notes: string[],
): Promise<Measured> {
  const subjects = new Map<SubjectName, Measurement>();
  for (const subject of names) {
    const started = await Measurement.start({ subject, ruleSet: load.ruleSet, events: load.events });
    if (typeof started === 'string') {
      notes.push(`${load.name}: ${TITLES[subject]} is left out: ${started}`);
      continue;
    }
    // It gets more time, to see a fair number of events.
    await started.warmUp(effort.warmUpMs, subject === 'jre' ? effort.roundMs * 5 : effort.roundMs);
    subjects.set(subject, started);
  }
  await requireAgreement(load, subjects);
  const ratios = await takeTurns(subjects, effort);
  process.stderr.write(`${load.name} done\n`);
  return { subjects, ratios };
}

/** Beside each subject's mean stands the first one's, over the same events and a moment later. */
async function takeTurns<Name>(
  subjects: ReadonlyMap<Name, Measurement>,
  { rounds, roundMs }: Effort,
): Promise<ReadonlyMap<Name, number>> {
  const [first] = subjects.values();
  const ratios = new Map<Name, number[]>([...subjects.keys()].map((name) => [name, []]));
  for (let round = 0; round < rounds; round++) {
    for (const [name, subject] of subjects) {
      const mean = await subject.round(roundMs);
      if (mean === undefined || first === undefined || subject === first) continue;
      ratios.get(name)?.push(mean / (await first.mean(subject.events, roundMs / 2)));
    }
  }
  return new Map([...ratios].map(([name, ofRounds]) => [name, median(ofRounds)]));
}

/** Each engine on every event on which it will be timed; and one event of ten matches. */
async function requireAgreement(
  { name, events }: Load,
  subjects: ReadonlyMap<SubjectName, Measurement>,
): Promise<void> {
  const sorted = (names: readonly string[] | undefined): string => [...(names ?? [])].sort().join(', ');
  const expected = await subjects.get('picket')?.names(events.length);
  const matching = expected?.filter((names) => names.length > 0).length;
  if (matching !== events.length / 10)
    throw new Error(`${name}: ${matching} of ${events.length} events match`);
  for (const [subject, measurement] of subjects) {
    for (const [index, names] of (await measurement.names()).entries()) {
      if (sorted(names) === sorted(expected?.[index])) continue;
      throw new Error(
        `${name}: ${TITLES[subject]} matches [${sorted(names)}], Picket [${sorted(expected?.[index])}] ` +
          `for ${JSON.stringify(events[index]?.object)}`,
      );
    }
  }
}

/** How the cost grows with the number of rules: Picket alone, the sizes in turns. */
async function growth({ rules, events }: Mix, effort: Effort): Promise<Record<string, number>> {
  const bySize = new Map<number, Measurement>();
  for (const size of [1_000, 10_000]) {
    const input = { subject: 'picket', ruleSet: rules(size), events: events(EVENTS, size) } as const;
    const started = await Measurement.start(input);
    if (typeof started === 'string') throw new Error(started);
    await started.warmUp(effort.warmUpMs, effort.roundMs);
    bySize.set(size, started);
  }
  const ratios = await takeTurns(bySize, effort);
  for (const measurement of bySize.values()) await measurement.stop();
  return { picket_10000_over_1000: ratios.get(10_000) ?? Number.NaN };
}

const RATIO_NAMES: Readonly<Partial<Record<SubjectName, string>>> = {
  loop: 'loop_over_picket',
  'json-logic': 'json_logic_over_picket',
  cel: 'cel_over_picket',
  jre: 'jre_over_picket',
  objects: 'objects_over_picket',
  again: 'picket_over_picket',
};

function ratiosOf(size: number, { ratios }: Measured): Record<string, number> {
  const named: Record<string, number> = {};
  for (const [subject, ratio] of ratios) {
    const name = RATIO_NAMES[subject];
    if (name !== undefined) named[`${name}_${size}`] = ratio;
  }
  return named;
}

function rowsOf({ name, ruleSet }: Load, { subjects }: Measured): Row[] {
  return [...subjects].map(([subject, measurement]) => {
    const events = measurement.eventsNs();
    return {
      subject: `${name}: ${TITLES[subject]}`,
      parameters: { rules: ruleSet.rules.length, events: measurement.events, rounds: measurement.rounds },
      metrics: {
        'mean cpu ns': measurement.meanNs(),
        'p50 ns': percentile(events, 50),
        'p99 ns': percentile(events, 99),
        'p99 ns of all': percentile(measurement.allNs(), 99),
        events: measurement.events,
        'compile cpu ms': measurement.compileCpuMs,
      },
    };
  });
}

function compileCost(): CompileCost {
  const flags = ['--expose-gc', '--min-semi-space-size=256', '--max-semi-space-size=256'];
  const script = join(import.meta.dirname, 'rules/compile-cost.ts');
  const output = execFileSync(process.execPath, [...flags, script], { encoding: 'utf8' });
  return JSON.parse(output) as CompileCost;
}

function compileRow(cost: CompileCost): Row {
  return {
    subject: '10000 rules: Picket, compiled cold',
    parameters: { rules: 10_000 },
    metrics: {
      'compile ms': cost.compileMs,
      'compile cpu ms': cost.compileCpuMs,
      'heap MiB': cost.heapMiB,
      'heap in use MiB': cost.heapInUseMiB,
      'bytes/event': cost.bytesPerEvent,
      'bytes/event, objects': cost.bytesPerEventOfObjects,
    },
  };
}

async function stopAll({ subjects }: Measured): Promise<void> {
  for (const measurement of subjects.values()) await measurement.stop();
}

function fixedNotes(quick: boolean): string[] {
  return [
    ...(quick ? ['a short run: figures for a first look'] : []),
    'rules and events are drawn from bench/data/rules-mix.yaml by a fixed seed, and checked against its digest; one event of ten matches a rule',
    'mean cpu: processor time of the engine’s thread over whole passes, median of the rounds: what else the machine does is not in it',
    'p50, p99: by the wall’s clock, each event timed by itself, what a subject that does nothing takes (some 50 ns) subtracted; over the events, each by its median of the rounds; p99 of all: over every single time, with whatever else the machine did',
    'a ratio is of two means over the same events, taken one after the other, median of the rounds; picket_over_picket is the noise',
    'the loop, json-logic-engine and cel-js fill a flat object with the facts that they need, once an event; json-rules-engine gets the decoded objects; decoding is counted for Picket alone',
    'where an engine was too slow for all events, `events` says how many it got; it agreed with Picket on each of them',
  ];
}
