// `picket rules explain`: why rules matched an event, or did not.
import { Command, Option } from 'commander';
import { defaultConfig, loadConfig } from '../../config/load.ts';
import { planOptionsOf } from '../../config/plan-options.ts';
import type { Trigger } from '../../events/triggers.ts';
import { EventExplainer } from '../../rules/explain-event.ts';
import { type LoadedRules, loadRules } from '../../rules/load.ts';
import { nameMatcher } from '../../rules/name-pattern.ts';
import type { PlanOptions } from '../../rules/plan.ts';
import { PLATFORMS } from '../../rules/schema.ts';
import { eventsOfFile } from '../../sources/event-file.ts';
import { CommandError } from '../failure.ts';
import { FaultReport, holdsNoEvent, nameOfInput } from '../fault-report.ts';
import { counted, painterFor, say } from '../output.ts';
import { startProgress } from '../progress.ts';
import { EventDoubts, onlyPlatformOf, platformIn, UNSTATED_PLATFORM } from './event-doubts.ts';
import { ExplainOutput } from './explain-output.ts';
import { paintFinding } from './findings-text.ts';
import { rulesNamed } from './named-rules.ts';
import { collected, parseNumber, parseTrigger, pathsArgument, type RulesOptions } from './options.ts';
import { rulesOrReport } from './usable-rules.ts';

interface ExplainOptions extends RulesOptions {
  readonly event: string;
  readonly rule?: readonly string[];
  readonly trigger?: Trigger;
  readonly at?: readonly number[];
  readonly config?: string;
}

export function explainCommand(): Command {
  return new Command('explain')
    .summary('why rules matched an event, or did not')
    .description(
      'Shows what the rules make of recorded events, by the code that decides live: the verdict and why it won, which ' +
        'rules matched and which nearly did; with --rule its conditions as a tree, each beside what the event has. Without ' +
        'PATH: the folder `rules`.',
    )
    .addArgument(pathsArgument())
    .requiredOption(
      '--event <file>',
      "one event as JSON, or a recording (eslogger, *.picket, events one a line); '-' is stdin",
    )
    .option('--rule <name>', 'explain rules of this name or pattern whole; may be repeated', collected)
    .option(
      '--at <n>',
      'of a recording, only the event of this number, from 1; may be repeated',
      (text, before: readonly number[] = []) => [...before, parseNumber(text)],
    )
    .option('--trigger <trigger>', 'take the event for this, whatever it says of itself', parseTrigger)
    .addOption(
      new Option('--platform <name>', 'whose events these are (default: as each says itself)').choices(
        PLATFORMS,
      ),
    )
    .addOption(
      new Option('-c, --config <file>', 'the guard’s settings, for what answers instead of the rules'),
    )
    .option('--json', 'print the explanations as JSON on stdout')
    .addHelpText(
      'after',
      '\nExit codes: 0 explained, 1 a rule or an event is wrong, 2 the command line is wrong, 3 a file could not be read ' +
        'or picket failed.' +
        '\n\nExamples:\n  picket rules explain rules/linux --event event.json --rule linux-crontab-installed' +
        '\n  picket rules explain --event recording.picket --at 17',
    )
    .action(explain);
}

/** A file of something else must not fill the terminal. */
const FAULTS_SHOWN = 5;

async function explain(paths: string[], options: ExplainOptions): Promise<void> {
  const loaded = await loadRules(paths, {});
  if (!(await reportErrors(loaded, paths, options))) return;
  const wanted = rulesNamed(options.rule ?? [], loaded.ruleSet.rules);
  const explainer = new EventExplainer(loaded.ruleSet, { guard: await guardOf(options), wanted });
  const output = new ExplainOutput(options, wanted);
  const faults = new FaultReport(FAULTS_SHOWN);
  const stated =
    options.platform ?? onlyPlatformOf(options.rule === undefined ? loaded.ruleSet.rules : [...wanted]);
  const events = eventsOfFile(options.event, {
    trigger: options.trigger,
    platform: stated,
    onFault: (fault) => faults.add({ file: options.event, ...fault }),
  });
  const missing = new Set(options.at);
  const doubts = new EventDoubts(options.event);
  const progress = startProgress({ label: 'rules explain', unit: 'events' });
  for await (const event of events) {
    progress.update(undefined, event.number);
    if (options.at !== undefined && !missing.delete(event.number)) continue;
    const platform = options.platform ?? platformIn(event);
    doubts.tell(event, platform);
    await output.add(
      event,
      await explainer.explain(event.bytes, event.trigger, platform ?? UNSTATED_PLATFORM),
    );
    if (options.at !== undefined && missing.size === 0) break;
  }
  progress.clear();
  faults.finish();
  await output.end();
  const file = nameOfInput(options.event);
  if (missing.size > 0 && faults.exitCode < 3) {
    throw new CommandError(`${file} has no event ${[...missing].join(', ')}`, 1);
  }
  if (output.count === 0 && faults.exitCode < 3) throw new CommandError(holdsNoEvent(file), 1);
  process.exitCode = faults.exitCode;
}

/** false: nothing can be explained. With a rule picked out that is right, what is wrong elsewhere does not matter. */
async function reportErrors(
  loaded: LoadedRules,
  paths: readonly string[],
  { rule = [], json = false }: ExplainOptions,
): Promise<boolean> {
  const { rules } = loaded.ruleSet;
  const isPicked = rule.length > 0 && rule.every((name) => rules.some((one) => nameMatcher(name)(one.name)));
  if (!isPicked) return (await rulesOrReport(loaded, { paths, json })) !== undefined;
  const errors = loaded.problems.filter(({ severity }) => severity === 'error');
  if (errors.length === 0) return true;
  const paint = painterFor(process.stderr);
  for (const problem of errors) say(paintFinding(problem, paint));
  say(`${counted(errors.length, 'error')} in rule files: the verdict is that of the other rules alone`);
  return true;
}

async function guardOf({ config }: ExplainOptions): Promise<PlanOptions> {
  const { guard } = config === undefined ? defaultConfig() : await loadConfig(config);
  return planOptionsOf(guard);
}
