// `picket rules explain`: why rules matched an event, or did not.
import { Command, Option } from 'commander';
import { defaultConfig, loadConfig } from '../../config/load.ts';
import { planOptionsOf } from '../../config/plan-options.ts';
import { EncodedFacts } from '../../events/encoded-facts.ts';
import { platformOf } from '../../events/event-platform.ts';
import type { Trigger } from '../../events/triggers.ts';
import { EventExplainer } from '../../rules/explain-event.ts';
import { type LoadedRules, loadRules } from '../../rules/load.ts';
import { isNamePattern, nameMatcher } from '../../rules/name-pattern.ts';
import { didYouMean, nearestName } from '../../rules/nearest.ts';
import type { PlanOptions } from '../../rules/plan.ts';
import { PLATFORMS, type RuleDefinition } from '../../rules/schema.ts';
import { eventsOfFile } from '../../sources/event-file.ts';
import { CommandError } from '../failure.ts';
import { FaultReport } from '../fault-report.ts';
import { counted, painterFor, say } from '../output.ts';
import { startProgress } from '../progress.ts';
import { ExplainOutput } from './explain-output.ts';
import { paintFinding } from './findings-text.ts';
import { collected, parseNumber, parseTrigger, type RulesOptions } from './options.ts';
import { unknownFacts } from './unknown-facts.ts';

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
    .argument('[path...]', 'rule files or folders', ['rules'])
    .requiredOption(
      '--event <file>',
      "one event as JSON, or a recording (eslogger, *.picket, events one a line); '-' is stdin",
    )
    .option('--rule <name>', 'explain rules of this name or pattern whole; may be repeated', collected)
    .option(
      '--at <n>',
      'of a recording, only the event of this number, from 1; may be repeated',
      parseNumbers,
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
      '\nExit codes: 0 explained, 1 a rule or an event is wrong, 2 the command line is wrong, 3 picket failed.' +
        '\n\nExamples:\n  picket rules explain rules/linux --event event.json --rule linux-crontab-installed' +
        '\n  picket rules explain --event recording.picket --at 17',
    )
    .action(explain);
}

/** A file of something else must not fill the terminal. */
const FAULTS_SHOWN = 5;

function parseNumbers(text: string, before: readonly number[] = []): readonly number[] {
  return [...before, parseNumber(text)];
}

async function explain(paths: string[], options: ExplainOptions): Promise<void> {
  const loaded = await loadRules(paths, {});
  if (!(await reportErrors(loaded, options))) return;
  const wanted = wantedRules(loaded, options.rule ?? []);
  const explainer = new EventExplainer(loaded.ruleSet, { guard: await guardOf(options), wanted });
  const output = new ExplainOutput(options, wanted);
  const faults = new FaultReport(FAULTS_SHOWN);
  const events = eventsOfFile(options.event, {
    trigger: options.trigger,
    platform: options.platform,
    onFault: (fault) => faults.add({ file: options.event, ...fault }),
  });
  const missing = new Set(options.at);
  const told = new Set<string>();
  const progress = startProgress({ label: 'rules explain', unit: 'events' });
  for await (const event of events) {
    progress.update(undefined, event.number);
    if (options.at !== undefined && !missing.delete(event.number)) continue;
    const platform = options.platform ?? platformOf(new EncodedFacts().reset(event.bytes));
    for (const { name, nearest } of unknownFacts(event, platform)) {
      if (told.has(name)) continue;
      told.add(name);
      const hint = didYouMean(nearest, '');
      say(`${options.event}: event ${event.number}: no fact is named ${name}, so it is left out${hint}`);
    }
    await output.add(event, await explainer.explain(event.bytes, event.trigger, platform));
    if (options.at !== undefined && missing.size === 0) break;
  }
  progress.clear();
  faults.finish();
  await output.end();
  if (missing.size > 0) throw new CommandError(`${options.event} has no event ${[...missing].join(', ')}`, 1);
  if (faults.count === 0 && output.count === 0) throw new CommandError(`${options.event} holds no event`, 1);
  if (faults.count > 0) process.exitCode = 1;
}

/** false: nothing can be explained. With a rule picked out that is right, what is wrong elsewhere does not matter. */
async function reportErrors(
  { problems, ruleSet, files }: LoadedRules,
  { rule = [] }: ExplainOptions,
): Promise<boolean> {
  const errors = problems.filter(({ severity }) => severity === 'error');
  const paint = painterFor(process.stderr);
  for (const problem of errors) say(paintFinding(problem, paint));
  if (errors.length === 0 && ruleSet.rules.length > 0) return true;
  const isPicked =
    rule.length > 0 && rule.every((name) => ruleSet.rules.some((one) => nameMatcher(name)(one.name)));
  if (isPicked) {
    say(`${counted(errors.length, 'error')} in rule files: the verdict is that of the other rules alone`);
    return true;
  }
  if (errors.length === 0) say(`no rule in ${counted(files.length, 'file')}: nothing to explain`);
  process.exitCode = 1;
  return false;
}

function wantedRules({ ruleSet }: LoadedRules, patterns: readonly string[]): ReadonlySet<RuleDefinition> {
  const wanted = new Set<RuleDefinition>();
  for (const pattern of patterns) {
    const found = ruleSet.rules.filter(({ name }) => nameMatcher(pattern)(name));
    for (const rule of found) wanted.add(rule);
    if (found.length > 0) continue;
    const meant = isNamePattern(pattern)
      ? undefined
      : nearestName(
          pattern,
          ruleSet.rules.map(({ name }) => name),
        );
    throw new CommandError(`no rule is named ${pattern}${didYouMean(meant, '')}`, 2);
  }
  return wanted;
}

async function guardOf({ config }: ExplainOptions): Promise<PlanOptions> {
  const { guard } = config === undefined ? defaultConfig() : await loadConfig(config);
  return planOptionsOf(guard);
}
