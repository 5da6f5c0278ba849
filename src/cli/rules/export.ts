// `picket rules export`: rules for other engines.
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { Command, Option } from 'commander';
import type { Trigger } from '../../events/triggers.ts';
import { type ExportProblem, exportForJre, type JreExport } from '../../rules/jre-export.ts';
import { loadRules } from '../../rules/load.ts';
import { CommandError } from '../failure.ts';
import { counted, painterFor, say, writeOut } from '../output.ts';
import { paintFinding } from './findings-text.ts';
import { exitCodeOfErrors, parseTrigger, platformOption, type RulesOptions } from './options.ts';
import { holdsNone } from './usable-rules.ts';

interface ExportOptions extends RulesOptions {
  readonly trigger?: Trigger;
  readonly out?: string;
}

export function exportCommand(): Command {
  return new Command('export')
    .summary('rules for json-rules-engine')
    .description(
      'Writes rules that json-rules-engine runs unchanged: lists written out, exceptions merged, named conditions ' +
        'beside them. Without --trigger each rule asks the event for its trigger (fact `picket`, path `$.trigger`), ' +
        'without --platform for its platform where it is not for all (`host`, `$.os.type`). ' +
        'Without PATH: the folder `rules`.',
    )
    .argument('[path...]', 'rule files or folders', ['rules'])
    .addOption(new Option('--jre', 'in the format of json-rules-engine').makeOptionMandatory())
    .addOption(new Option('--trigger <name>', 'the rules of one trigger only').argParser(parseTrigger))
    .addOption(platformOption())
    .option(
      '--out <path>',
      'a folder for rules.json and the operators as operators.mjs and operators.cjs, or a file that ends in .json for ' +
        'the rules alone (default: the rules on stdout)',
    )
    .option('--json', 'with --out: print what was written as JSON on stdout; errors too')
    .addHelpText(
      'after',
      '\nExit codes: 0 all was exported, 1 a rule is wrong or can not be exported or there is none (nothing is ' +
        'written), 2 the command line is wrong, 3 a rule file could not be read or picket failed.' +
        '\n\nExample:\n  picket rules export --jre rules/linux --trigger notify.exec --out jre-rules',
    )
    .action(exportRules);
}

async function exportRules(paths: string[], options: ExportOptions): Promise<void> {
  const { out, trigger, platform } = options;
  const loaded = await loadRules(paths, options);
  const { exported, problems } = exportForJre(loaded.ruleSet, loaded.places, { trigger, platform });
  const unusable = loaded.problems.filter(({ severity }) => severity === 'error');
  const isNone = unusable.length === 0 && loaded.ruleSet.rules.length === 0;
  const errors = [...unusable, ...(isNone ? paths.map(holdsNone) : []), ...problems];
  const written = errors.length > 0 ? [] : await write(exported, out);
  if (options.json && (out !== undefined || errors.length > 0)) {
    const rules = errors.length > 0 ? 0 : exported.rules.length;
    await writeOut(`${JSON.stringify({ rules, operators: exported.operators, written, errors }, null, 2)}\n`);
  } else complain(errors);
  process.exitCode = exitCodeOfErrors(unusable) || (errors.length > 0 ? 1 : 0);
  if (errors.length > 0)
    return say(painterFor(process.stderr)('red', `${counted(errors.length, 'error')}; nothing was written`));
  sayWhatNow(exported, out, written);
}

/** On stderr, for stdout may be on its way into a file. */
function complain(errors: readonly ExportProblem[]): void {
  const paint = painterFor(process.stderr);
  for (const problem of errors) say(paintFinding(problem, paint));
}

async function write(exported: JreExport, out: string | undefined): Promise<string[]> {
  const rules = `${JSON.stringify(exported, null, 2)}\n`;
  if (out === undefined) {
    await writeOut(rules);
    return [];
  }
  if (out.endsWith('.json')) return writeFiles([[out, rules]]);
  const { esModule, commonJs } = await operators();
  return writeFiles([
    [join(out, 'rules.json'), rules],
    [join(out, 'operators.mjs'), esModule],
    [join(out, 'operators.cjs'), commonJs],
  ]);
}

/** Loaded only here: the bundler is a package of development. */
async function operators(): Promise<{ esModule: string; commonJs: string }> {
  try {
    const { bundleOperators } = await import('../../rules/jre-operators-bundle.ts');
    return await bundleOperators();
  } catch (cause) {
    const hint =
      'esbuild, one of its development packages, makes them (npm install); --out FILE.json needs none';
    throw new CommandError(`the operators can't be bundled: ${hint}`, 3, { cause });
  }
}

async function writeFiles(files: readonly (readonly [string, string])[]): Promise<string[]> {
  for (const [path, text] of files) {
    try {
      await mkdir(dirname(path), { recursive: true });
      await writeFile(path, text);
    } catch (cause) {
      throw new CommandError(`${path} can't be written`, 3, { cause });
    }
  }
  return files.map(([path]) => path);
}

function sayWhatNow(exported: JreExport, out: string | undefined, written: readonly string[]): void {
  const paint = painterFor(process.stderr);
  const where = written.length === 0 ? '' : ` in ${written.join(', ')}`;
  const isNone = exported.rules.length === 0;
  const hint = isNone ? ': none of those that were read is for this trigger and platform' : '';
  say(paint(isNone ? 'yellow' : 'green', `${counted(exported.rules.length, 'rule')}${where}${hint}`));
  const isWithOperators = out !== undefined && !out.endsWith('.json');
  if (exported.operators.length > 0 && !isWithOperators) {
    const names = exported.operators.join(', ');
    say(
      paint(
        'yellow',
        `These rules need operators that json-rules-engine has not: ${names}. --out FOLDER writes them, too.`,
      ),
    );
  }
}
