// The same rules and facts through json-rules-engine and through the adapter that has its public face, in alternating
// rounds: one run of 1,000 rules of which one matches, with nobody listening, with a listener, and with all results read.
import { Engine as OriginalEngine, type RuleProperties } from 'json-rules-engine';
import { Engine } from '../src/rules/json-rules-engine.ts';
import { makeReport, type Report } from './report.ts';

const RULES = 1000;

interface Subject {
  readonly name: string;
  readonly engine: OriginalEngine;
  readonly readsFailures: boolean;
  /** Runs a round, so that each subject has about the same time. */
  readonly runs: number;
  readonly microseconds: number[];
}

export async function benchAdapter(quick: boolean): Promise<Report> {
  const subject = (name: string, engine: OriginalEngine, runs: number, readsFailures = false): Subject => {
    for (let index = 0; index < RULES; index++) engine.addRule(rule(index));
    return { name, engine, readsFailures, runs, microseconds: [] };
  };
  const listening = new Engine();
  listening.on('success', () => undefined);
  const subjects = [
    subject('json-rules-engine', new OriginalEngine(), 1),
    subject('json-rules-engine again (A/A)', new OriginalEngine(), 1),
    subject('adapter', new Engine(), 40),
    subject('adapter, with a listener', listening, 40),
    subject('adapter, reading all that failed', new Engine(), 10, true),
  ];
  for (let round = 0; round < (quick ? 10 : 60); round++) {
    for (const one of subjects) await measure(one, round >= 3);
  }
  const [
    original = Number.NaN,
    again = Number.NaN,
    adapter = Number.NaN,
    heard = Number.NaN,
    read = Number.NaN,
  ] = subjects.map(medianOf);
  return makeReport(
    'adapter',
    subjects.map((one) => ({
      subject: one.name,
      parameters: { rules: RULES },
      metrics: { p50_us: medianOf(one), runs: one.microseconds.length },
    })),
    {
      original_over_adapter: original / adapter,
      original_over_adapter_heard: original / heard,
      original_over_adapter_read: original / read,
      original_over_original: original / again,
    },
    ['processor time of one run, of this process; three rounds of warming up are not counted'],
  );
}

function rule(index: number): RuleProperties {
  return {
    name: `rule-${index}`,
    priority: 1 + (index % 3),
    conditions: {
      all: [
        { fact: 'process', path: '$.executable', operator: 'equal', value: `/usr/bin/p${index}` },
        { fact: 'process', path: '$.user', operator: 'greaterThan', value: index % 50 },
        {
          any: [
            { fact: 'process', path: '$.args', operator: 'contains', value: `-${index % 20}` },
            { fact: 'file', path: '$.path', operator: 'notEqual', value: '/etc/passwd' },
          ],
        },
      ],
    },
    event: { type: 'hit', params: { index } },
  };
}

async function measure(
  { engine, runs, readsFailures, microseconds }: Subject,
  isCounted: boolean,
): Promise<void> {
  for (let run = 0; run < runs; run++) {
    const facts = {
      process: { executable: `/usr/bin/p${(run * 7) % RULES}`, user: 100, args: ['a', '-0'] },
      file: { path: '/tmp/x' },
    };
    const before = process.cpuUsage();
    const result = await engine.run(facts);
    const hits = result.events.length + (readsFailures ? result.failureResults.length - (RULES - 1) : 0);
    const { user, system } = process.cpuUsage(before);
    if (hits !== 1) throw new Error(`${hits} rules matched where 1 must`);
    if (isCounted) microseconds.push(user + system);
  }
}

function medianOf({ microseconds }: Subject): number {
  return [...microseconds].sort((a, b) => a - b)[microseconds.length >> 1] ?? Number.NaN;
}
