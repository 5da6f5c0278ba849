// What every benchmark prints and writes: a table for a person, JSON for a program, ratios to be quoted.
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { arch, cpus, release, totalmem } from 'node:os';

export interface Row {
  readonly subject: string;
  readonly parameters: Readonly<Record<string, string | number>>;
  readonly metrics: Readonly<Record<string, number>>;
}

/** What a ratio should be. */
export interface Aim {
  readonly atMost?: number;
  readonly atLeast?: number;
}

/** Percentile and microseconds. */
interface Curve {
  readonly subject: string;
  readonly points: readonly (readonly [number, number | null])[];
}

export interface Report {
  readonly name: string;
  readonly machine: Readonly<Record<string, string | number>>;
  readonly commit: string;
  readonly rows: readonly Row[];
  readonly ratios: Readonly<Record<string, number>>;
  /** What could not be measured, and why; what a reader must know to judge a figure. */
  readonly notes: readonly string[];
  /** By the ratio's name. */
  readonly aims?: Readonly<Record<string, Aim>>;
  readonly curves?: readonly Curve[];
}

export function makeReport(
  name: string,
  rows: readonly Row[],
  ratios: Record<string, number>,
  notes: readonly string[],
): Report {
  return { name, machine: describeMachine(), commit: commitId(), rows, ratios, notes };
}

export function printReport(report: Report): void {
  console.log(`\n${report.name}  (${Object.values(report.machine).join(', ')}; commit ${report.commit})\n`);
  // Rows of one kind have the same first column.
  for (const rows of Map.groupBy(report.rows, ({ metrics }) => Object.keys(metrics)[0]).values())
    console.log(`${tableOf(rows)}\n`);
  console.log('ratios');
  for (const [name, value] of Object.entries(report.ratios))
    console.log(
      `  ${name.padEnd(36)} ${cell(value).padEnd(8)} ${verdictOn(report.aims?.[name], value)}`.trimEnd(),
    );
  for (const note of report.notes) console.log(`note: ${note}`);
}

function tableOf(rows: readonly Row[]): string {
  const columns = [...new Set(rows.flatMap((row) => Object.keys(row.metrics)))];
  const table = [
    ['subject', ...columns],
    ...rows.map((row) => [row.subject, ...columns.map((column) => cell(row.metrics[column]))]),
  ];
  const widths =
    table[0]?.map((_, index) => Math.max(...table.map((line) => line[index]?.length ?? 0))) ?? [];
  const lines = table.map((line) =>
    line
      .map((text, index) =>
        index === 0 ? text.padEnd(widths[index] ?? 0) : text.padStart(widths[index] ?? 0),
      )
      .join('  '),
  );
  return lines.join('\n');
}

export function meets(aim: Aim, value: number): boolean {
  const { atMost = Number.POSITIVE_INFINITY, atLeast = Number.NEGATIVE_INFINITY } = aim;
  return value <= atMost && value >= atLeast;
}

function verdictOn(aim: Aim | undefined, value: number): string {
  if (aim === undefined) return '';
  const wanted = aim.atMost === undefined ? `at least ${aim.atLeast}` : `at most ${aim.atMost}`;
  return `${meets(aim, value) ? 'met' : 'MISSED'} (${wanted})`;
}

export function writeReport(report: Report, file: string): void {
  writeFileSync(file, `${JSON.stringify(report, null, 2)}\n`);
}

export function cell(value: number | undefined): string {
  if (value === undefined) return '';
  if (Number.isInteger(value)) return String(value);
  return value >= 100 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value.toFixed(2);
}

function describeMachine(): Record<string, string | number> {
  return {
    cpu: cpus()[0]?.model ?? 'unknown',
    cores: cpus().length,
    memory: `${Math.round(totalmem() / 2 ** 30)} GiB`,
    kernel: release(),
    arch: arch(),
    node: process.version,
    load: readFileSync('/proc/loadavg', 'utf8').split(' ')[0] ?? '',
  };
}

function commitId(): string {
  try {
    const id = execFileSync('git', ['rev-parse', '--short', 'HEAD'], { encoding: 'utf8' }).trim();
    const dirty = execFileSync('git', ['status', '--porcelain', '-uno'], { encoding: 'utf8' }).trim() !== '';
    return dirty ? `${id}+` : id;
  } catch {
    return 'unknown';
  }
}
