// `picket rules plan`: what a rule set asks of the bridge and of the kernel, and who answers.
import { readFile } from 'node:fs/promises';
import { Command, Option } from 'commander';
import { defaultConfig, loadConfig } from '../../config/load.ts';
import { planOptionsOf } from '../../config/plan-options.ts';
import type { Config } from '../../config/schema.ts';
import type { Platform } from '../../events/triggers.ts';
import { comparePlans, type PlanChanges } from '../../plan/changes.ts';
import { planDiagram } from '../../plan/diagram.ts';
import { type Mount, MountLineError, parseMounts } from '../../plan/mounts.ts';
import { type PlanReport, type ReportOptions, reportPlan } from '../../plan/report.ts';
import { ruleDifferences } from '../../plan/rule-differences.ts';
import { loadRules } from '../../rules/load.ts';
import { PLATFORMS, type RuleSet } from '../../rules/schema.ts';
import { CommandError } from '../failure.ts';
import { painterFor, writeOut } from '../output.ts';
import { platformOption, type RulesOptions } from './options.ts';
import { planChangesText } from './plan-changes-text.ts';
import { planText } from './plan-text.ts';
import { ruleSetOrReport, rulesOrReport } from './usable-rules.ts';

interface PlanCommandOptions extends RulesOptions {
  readonly config?: string;
  readonly mounts?: string;
  readonly against?: string;
  readonly mermaid?: boolean;
}

export function planCommand(): Command {
  return new Command('plan')
    .summary('what a rule set asks of the bridge and the kernel, and who answers')
    .description(
      'Says what would happen if these rules were in force: which events the bridge is asked for and for whose sake, ' +
        'what the kernel selects or marks, which verdicts the bridge gives alone, what may be cached and what prevents ' +
        'it, how candidates are found, what stays outside the auth lane, how long a system call may wait. Nothing is ' +
        "changed. Without PATH: the configuration's rules.paths, or the folder `rules`.",
    )
    .argument('[path...]', 'rule files or folders')
    .addOption(platformOption())
    .option('-c, --config <file>', 'take guard.*, rules.paths and rules.platform from this configuration')
    .option('--mounts <file>', "mountinfo of the host that is planned for (Linux; default: this machine's)")
    .option('--against <path>', 'rules before a change: say what the change means')
    .addOption(new Option('--json', 'print the plan as JSON on stdout').conflicts('mermaid'))
    .addOption(new Option('--mermaid', 'print a drawing: trigger, who answers, rules').conflicts('against'))
    .addHelpText(
      'after',
      '\nExit codes: 0 the plan is made, 1 a rule, the configuration or the mounts are wrong or there is no rule, 2 the command line is wrong, 3 a rule file could not be read or picket failed.' +
        '\n\nExamples:\n  picket rules plan rules/linux -c /etc/picket/picket.yaml' +
        '\n  picket rules plan rules --platform macos --mermaid > plan.mmd' +
        '\n  picket rules plan rules --against ../released/rules',
    )
    .action(plan);
}

async function plan(paths: string[], options: PlanCommandOptions): Promise<void> {
  const config = options.config === undefined ? undefined : await loadConfig(options.config);
  const wanted = paths.length > 0 ? paths : (config?.rules.paths ?? ['rules']);
  const platform = options.platform ?? config?.rules.platform;
  const now = rulesOrReport(await loadRules(wanted, { platform }), { paths: wanted, ...options });
  const before =
    options.against === undefined
      ? undefined
      : ruleSetOrReport(await loadRules([options.against], { platform }), options);
  const [ruleSet, old] = await Promise.all([now, before]);
  if (ruleSet === undefined || (options.against !== undefined && old === undefined)) return;
  const report = await reporterFor(config ?? defaultConfig(), options.mounts);
  const platforms = platform === undefined ? platformsOf(ruleSet, old) : [platform];
  const plans = platforms.map((one) => report(ruleSet, one));
  const changes = old === undefined ? undefined : plans.map((made) => changesOf(old, ruleSet, made, report));
  if (options.mermaid) await writeOut(planDiagram(plans));
  else if (options.json) await writeOut(`${JSON.stringify({ plans, ...flattened(changes) }, null, 2)}\n`);
  else await writeOut(textOf(plans, changes));
}

interface PlatformChanges {
  readonly platform: Platform;
  readonly changes: PlanChanges;
}

function flattened(changes: readonly PlatformChanges[] | undefined) {
  return changes && { changes: changes.map((one) => ({ platform: one.platform, ...one.changes })) };
}

function textOf(plans: readonly PlanReport[], changes: readonly PlatformChanges[] | undefined): string {
  const paint = painterFor(process.stdout);
  const texts = changes?.map((one) => planChangesText(one.platform, one.changes, paint));
  return (texts ?? plans.map((made) => planText(made, paint))).join('\n');
}

type Reporter = (ruleSet: RuleSet, platform: Platform) => PlanReport;

async function reporterFor({ guard }: Config, mountsFile: string | undefined): Promise<Reporter> {
  const mounts = await mountsOf(mountsFile);
  const options: ReportOptions = { ...planOptionsOf(guard), mounts };
  return (ruleSet, platform) => reportPlan(ruleSet, platform, options);
}

/** undefined: this is no Linux, and nobody said what another host has. */
async function mountsOf(file: string | undefined): Promise<readonly Mount[] | undefined> {
  if (file === undefined && process.platform !== 'linux') return undefined;
  const name = file ?? '/proc/self/mountinfo';
  let text: string;
  try {
    text = await readFile(name, 'utf8');
  } catch (cause) {
    throw new CommandError(`${name} can't be read`, 1, { cause });
  }
  try {
    return parseMounts(text);
  } catch (error) {
    if (!(error instanceof MountLineError)) throw error;
    throw new CommandError(`${name}:${error.line}: ${error.message}`, 1);
  }
}

/** Those that any rule applies to; a set without rules is planned for this machine. */
function platformsOf(...sets: readonly (RuleSet | undefined)[]): readonly Platform[] {
  const rules = sets.flatMap((set) => set?.rules ?? []);
  const found = PLATFORMS.filter((platform) => rules.some(({ platforms }) => platforms.includes(platform)));
  return found.length > 0 ? found : [process.platform === 'darwin' ? 'macos' : 'linux'];
}

function changesOf(old: RuleSet, ruleSet: RuleSet, made: PlanReport, report: Reporter): PlatformChanges {
  const { platform } = made;
  const rules = ruleDifferences(rulesOf(old, platform), rulesOf(ruleSet, platform));
  return { platform, changes: comparePlans(report(old, platform), made, rules) };
}

function rulesOf(ruleSet: RuleSet, platform: Platform): RuleSet {
  return { ...ruleSet, rules: ruleSet.rules.filter(({ platforms }) => platforms.includes(platform)) };
}
