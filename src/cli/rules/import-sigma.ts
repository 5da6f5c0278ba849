// `picket rules import-sigma`: Sigma rules to Picket's.
import { writeFile } from 'node:fs/promises';
import { Command, InvalidArgumentError, Option } from 'commander';
import type { Platform } from '../../events/triggers.ts';
import { AUDITD_EVENTS_MAPPING, loadMapping } from '../../rules/sigma/field-mapping.ts';
import { type ImportResult, importSigma, STATUSES } from '../../rules/sigma/import-rules.ts';
import type { ReportEntry, SigmaCounts } from '../../rules/sigma/report.ts';
import type { SigmaProblem } from '../../rules/sigma/sigma-error.ts';
import {
  readLists,
  readSigmaFiles,
  type WrittenFiles,
  writeRuleFiles,
} from '../../rules/sigma/sigma-files.ts';
import { CommandError } from '../failure.ts';
import { counted, formatCount, painterFor, say, writeOut } from '../output.ts';
import { startProgress } from '../progress.ts';
import { paintFinding } from './findings-text.ts';
import { collected, platformOption } from './options.ts';

interface ImportOptions {
  readonly out: string;
  readonly report?: string;
  readonly mapping: readonly string[];
  readonly auditd: 'records' | 'events';
  readonly lists?: string;
  readonly platform?: Platform;
  readonly status: readonly string[];
  readonly json?: boolean;
  readonly quiet?: boolean;
}

const DEFAULT_STATUSES = ['stable', 'test', 'experimental'];

export function importSigmaCommand(): Command {
  return new Command('import-sigma')
    .summary('Sigma rules to Picket rules')
    .description(
      'Reads Sigma rules (.yml, .yaml; folders recursively) and writes a rule file for each into DIR. What has no ' +
        'translation that means the same is refused with its place and the reason; the rest is written. Files in DIR ' +
        'that no import has made are left alone.',
    )
    .argument('<path...>', 'Sigma files or folders')
    .requiredOption('--out <dir>', 'folder for the rule files')
    .option('--report <file>', 'write what became of every rule as JSON')
    .addOption(
      new Option('--mapping <file>', 'more log sources and fields; may be given several times')
        .argParser(collected)
        .default([], 'none'),
    )
    .addOption(
      new Option(
        '--auditd <how>',
        'what audit records become: lines of the audit log, exactly, or the nearest events of Picket',
      )
        .choices(['records', 'events'])
        .default('records'),
    )
    .option('--lists <dir>', 'folder of lists for placeholders: %name% is NAME.txt, one value a line')
    .addOption(
      new Option('--status <names>', 'statuses to import, with commas between')
        .argParser(statusesOf)
        .default(DEFAULT_STATUSES, DEFAULT_STATUSES.join(',')),
    )
    .addOption(platformOption())
    .option('--quiet', 'name no rules, only say how many there were')
    .option('--json', 'print the report as JSON on stdout')
    .addHelpText(
      'after',
      '\nExit codes: 0 every rule was translated (some approximately, as is said), 1 a rule was refused, or a file in ' +
        'DIR was left alone, 2 the command line, a mapping, a list or DIR is wrong, 3 a file could not be read (the ' +
        'rest is written) or picket failed.' +
        '\n\nExample:\n  picket rules import-sigma sigma/rules/linux --out rules/sigma --report sigma.json',
    )
    .action(run);
}

function statusesOf(names: string): readonly string[] {
  return names.split(',').map((name) => {
    const status = name.trim().toLowerCase();
    if (STATUSES.includes(status)) return status;
    throw new InvalidArgumentError(`Allowed are ${STATUSES.join(', ')}.`);
  });
}

async function run(paths: string[], options: ImportOptions): Promise<void> {
  const paint = painterFor(process.stdout);
  const wrong: SigmaProblem[] = [];
  const mappings =
    options.auditd === 'events' ? [AUDITD_EVENTS_MAPPING, ...options.mapping] : options.mapping;
  const mapping = await loadMapping(mappings, (problem) => wrong.push(problem));
  if (wrong.length > 0) {
    throw new CommandError(
      wrong.map((problem) => paintFinding(problem, painterFor(process.stderr))).join('\n'),
      2,
    );
  }
  const lists = await listsOf(options.lists);
  const problems: SigmaProblem[] = [];
  const texts = await readSigmaFiles(paths, (problem) => problems.push(problem));
  const isWhole = problems.length === 0;
  const progress = startProgress({ label: 'importing', unit: 'files' });
  const result = await importSigma(texts, {
    mapping,
    lists,
    platform: options.platform,
    statuses: options.status,
    onProgress: (done, of) => progress.update(done / of, done),
  });
  progress.clear();
  problems.push(...result.problems);
  // First, for nothing is written where it can't be.
  if (options.report !== undefined) await writeReport(options.report, result);
  const made = await written(options.out, result);
  // Of what could not be read nobody knows that it is gone.
  const files = isWhole ? made : { ...made, stale: [] };
  if (options.json) {
    await writeOut(`${toJson({ ...result.report, problems, ...files })}\n`);
  } else if (!options.quiet) {
    for (const problem of [...problems, ...result.report.entries.flatMap(problemsOf)]) {
      await writeOut(`${paintFinding(problem, paint)}\n`);
    }
  }
  tell(result.report.counts, options.out, files);
  const isWrong = result.report.counts.refused > 0 || problems.some(({ severity }) => severity === 'error');
  process.exitCode = !isWhole ? 3 : isWrong || files.kept.length > 0 ? 1 : 0;
}

async function listsOf(folder: string | undefined): Promise<ReadonlyMap<string, readonly string[]>> {
  if (folder === undefined) return new Map();
  try {
    return await readLists(folder);
  } catch (cause) {
    throw new CommandError(`the lists in ${folder} can't be read`, 2, { cause });
  }
}

async function written(folder: string, { files }: ImportResult): Promise<WrittenFiles> {
  try {
    return await writeRuleFiles(folder, files);
  } catch (cause) {
    throw new CommandError(`${folder} can't be written to`, 2, { cause });
  }
}

async function writeReport(file: string, { report }: ImportResult): Promise<void> {
  try {
    await writeFile(file, `${toJson(report)}\n`);
  } catch (cause) {
    const isWithoutFolder = (cause as NodeJS.ErrnoException).code === 'ENOENT';
    const reason = isWithoutFolder ? ': its folder does not exist' : '';
    throw new CommandError(
      `the report can't be written to ${file}${reason}`,
      2,
      isWithoutFolder ? {} : { cause },
    );
  }
}

function toJson(value: unknown): string {
  return JSON.stringify(value, (_, entry: unknown) => (typeof entry === 'bigint' ? String(entry) : entry), 2);
}

/** What a person should hear of a rule. */
function problemsOf({ outcome, file, line, title, warnings }: ReportEntry): readonly SigmaProblem[] {
  const place = { file, line, column: 1, found: undefined };
  switch (outcome.kind) {
    case 'refused':
      return [...outcome.problems, ...warnings];
    case 'approximate': {
      const message = `"${title}" is approximate: ${outcome.differs.join('; ')}`;
      return [{ ...place, code: 'sigma-approximate', message, severity: 'warning' }, ...warnings];
    }
    case 'unsupported':
      return [
        {
          ...place,
          code: 'sigma-correlation',
          message: `"${title}": ${outcome.reason}`,
          severity: 'warning',
        },
        ...warnings,
      ];
    default:
      return warnings;
  }
}

function tell(counts: SigmaCounts, folder: string, { written: count, kept, stale }: WrittenFiles): void {
  const paint = painterFor(process.stderr);
  for (const file of kept) say(paint('red', `${file} was not made by an import: it is left as it is`));
  if (stale.length > 0) {
    say(
      paint(
        'yellow',
        `${counted(stale.length, 'file')} of an earlier import ${stale.length === 1 ? 'is' : 'are'} no longer among these rules and still there: ${stale.slice(0, 3).join(', ')}${stale.length > 3 ? ', …' : ''}`,
      ),
    );
  }
  const share = (part: number): string =>
    counts.rules === 0 ? '' : ` (${((part / counts.rules) * 100).toFixed(1)} %)`;
  const parts = [
    `${formatCount(counts.exact)} exact${share(counts.exact)}`,
    `${formatCount(counts.approximate)} approximate${share(counts.approximate)}`,
    `${formatCount(counts.refused)} refused${share(counts.refused)}`,
  ];
  if (counts.skipped > 0) parts.push(`${formatCount(counts.skipped)} left out for status or platform`);
  let summary = `${counted(counts.rules, 'Sigma rule')}: ${parts.join(', ')}; ${counted(count, 'file')} in ${folder}`;
  if (counts.filters > 0) summary += `; ${counted(counts.filters, 'filter')}`;
  if (counts.correlations > 0)
    summary += `; ${counted(counts.correlations, 'correlation')}, not yet supported`;
  say(paint(counts.refused > 0 ? 'yellow' : 'green', summary));
}
