// npm run bench -- <adapter|auth|flood|hash|lane|reload|throughput|replay|rules> [--quick] [--json FILE] [--html FILE]
import { Command } from 'commander';
import { pageWriter } from './page.ts';
import { printReport, type Report, writeReport } from './report.ts';

interface BenchOptions {
  readonly quick?: boolean;
  readonly json?: string;
  readonly html?: string;
}

const program = new Command('bench')
  .description(
    'Measurements, side by side in one run. Ratios are what is quoted: the machine is part of every figure.',
  )
  .showHelpAfterError();

for (const [name, description] of [
  ['adapter', 'a run of 1,000 rules: json-rules-engine beside the adapter with its public face'],
  [
    'auth',
    'what open() and execve() wait, and whole workloads take: unwatched, a C daemon, fapolicyd, Picket (needs root)',
  ],
  ['flood', 'what a stranger waits while another user floods: unwatched, a C daemon, Picket (needs root)'],
  ['hash', 'what an open() waits for the hash of 1 MiB and of 50 MiB: none, known, computed (needs root)'],
  ['lane', 'the auth lane alone: bytes and time of a request, pauses of garbage collection, its beginning'],
  ['throughput', 'events/s into JetStream: Picket beside a bare relay of the same bytes (needs nats-server)'],
  ['reload', 'what a request to the auth lane waits while rules are loaded again'],
  ['replay', 'events/s and memory of picket replay, beside what only parses and prints the same lines'],
  [
    'rules',
    'what rules cost an event: Picket beside json-rules-engine, generated predicates, JSON Logic, CEL',
  ],
] as const) {
  program
    .command(name)
    .description(description)
    .option('--quick', 'a short run, for a first look')
    .option('--json <file>', 'write { name, machine, commit, rows, ratios, notes } to the file')
    .option('--html <file>', 'write one page with tables, ratios and curves to the file')
    .action(async (options: BenchOptions) => {
      const writePage = options.html === undefined ? undefined : pageWriter(options.html);
      const report = await load(name, options.quick === true);
      printReport(report);
      if (options.json !== undefined) writeReport(report, options.json);
      writePage?.(report);
    });
}

await program.parseAsync();

async function load(
  name: 'adapter' | 'auth' | 'flood' | 'hash' | 'lane' | 'reload' | 'throughput' | 'replay' | 'rules',
  quick: boolean,
): Promise<Report> {
  if (name === 'adapter') return (await import('./adapter.ts')).benchAdapter(quick);
  if (name === 'auth') return (await import('./auth.ts')).benchAuth(quick);
  if (name === 'flood') return (await import('./flood.ts')).benchFlood(quick);
  if (name === 'hash') return (await import('./hash.ts')).benchHash(quick);
  if (name === 'lane') return (await import('./lane.ts')).benchLane(quick);
  if (name === 'reload') return (await import('./reload.ts')).benchReload(quick);
  if (name === 'replay') return (await import('./replay.ts')).benchReplay(quick);
  if (name === 'rules') return (await import('./rules.ts')).benchRules(quick);
  return (await import('./throughput.ts')).benchThroughput(quick);
}
