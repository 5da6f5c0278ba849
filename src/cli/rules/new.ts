// `picket rules new`: a rule with its tests, from a template or from an event that was recorded.
import { existsSync, statSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Command, Option } from 'commander';
import { decodeEvent } from '../../events/decode-event.ts';
import type { Platform, Trigger } from '../../events/triggers.ts';
import { knownTriggers } from '../../rules/known-triggers.ts';
import { nearestName } from '../../rules/nearest.ts';
import {
  type NewRule,
  NewRuleError,
  problemsOf,
  ruleFromEvent,
  ruleFromTemplate,
} from '../../rules/new-rule.ts';
import { formatProblem } from '../../rules/rule-problem.ts';
import { genericTemplate, RULE_TEMPLATES, type RuleTemplate } from '../../rules/rule-templates.ts';
import { EVENT_TYPES, PLATFORMS, type RuleEventType } from '../../rules/schema.ts';
import { type EventFault, eventsOfFile, type FileEvent } from '../../sources/event-file.ts';
import { CommandError } from '../failure.ts';
import { describeFault, holdsNoEvent } from '../fault-report.ts';
import { formatTable, painterFor, say, writeOut } from '../output.ts';
import { notWritten } from '../write-file.ts';
import { parseNumber, parseTrigger } from './options.ts';

interface NewOptions {
  readonly template?: string;
  readonly fromEvent?: string;
  readonly at?: number;
  readonly trigger?: Trigger;
  readonly type?: RuleEventType;
  readonly platform?: Platform;
  readonly out?: string;
  readonly list?: boolean;
  readonly json?: boolean;
}

export function newCommand(): Command {
  return new Command('new')
    .summary('a rule with its tests, from a template or from an event')
    .description(
      'Writes a rule that is right as it stands, with a test that matches and one for each condition that fails by it ' +
        'alone. From an event it takes what will be the same next time, and infers the rest. A deny begins in shadow mode.',
    )
    .argument('[name]', 'of the rule; without it one is made up')
    .option('--template <name>', 'what to begin with; --list shows them')
    .option('--from-event <file>', "an event as JSON, or a recording; '-' is stdin")
    .option('--at <n>', 'of a recording, the event of this number, from 1', parseNumber)
    .option(
      '--trigger <trigger>',
      'what the rule is on; an event is taken for it, whatever it says',
      parseTrigger,
    )
    .addOption(new Option('--type <type>', 'what follows (default: by trigger)').choices(EVENT_TYPES))
    .addOption(
      new Option('--platform <name>', 'where it applies (default: as the event says)').choices(PLATFORMS),
    )
    .option('--out <file>', "a file or folder; '-' is stdout (default: NAME.yaml in `rules`, or here)")
    .option('--list', 'show the templates')
    .option('--json', 'print what was made as JSON on stdout')
    .addHelpText(
      'after',
      '\nExit codes: 0 written, 1 the file is there already or the event is wrong, 2 the command line is wrong, 3 a file ' +
        'could not be read or written, or picket failed.' +
        '\n\nExamples:\n  picket rules new no-tools-from-tmp --template deny-exec' +
        '\n  picket rules new --from-event recording.picket --at 17 --out my-rules',
    )
    .action(create);
}

async function create(name: string | undefined, options: NewOptions): Promise<void> {
  if (options.list === true) {
    await listTemplates(options);
    return;
  }
  const rule = await ruleOf(name, options);
  const problems = await problemsOf(rule);
  const [error] = problems.filter(({ severity }) => severity === 'error');
  // A name is the one thing that was not made here.
  if (error?.code === 'reserved-name') throw new CommandError(error.message, 2);
  if (error !== undefined) {
    throw new CommandError(
      `the rule that came out is wrong, which is a fault of picket: ${formatProblem(error)}`,
      3,
    );
  }
  const file = await write(rule, options);
  for (const problem of problems) say(formatProblem(problem));
  if (options.json === true) {
    const { name: made, trigger, type, text } = rule;
    await writeOut(`${JSON.stringify({ name: made, trigger, type, file, text }, null, 2)}\n`);
  }
  if (file !== undefined) {
    say(`wrote ${rule.name} (${rule.trigger}, ${rule.type}) to ${file}; try it: picket rules test ${file}`);
  }
}

async function ruleOf(name: string | undefined, options: NewOptions): Promise<NewRule> {
  const { template, fromEvent, at, trigger, type, platform } = options;
  if (fromEvent !== undefined && template !== undefined) {
    throw new CommandError('a rule begins with a template or with an event: --template or --from-event', 2);
  }
  if (at !== undefined && fromEvent === undefined) throw new CommandError('--at goes with --from-event', 2);
  if (name !== undefined && name.trim() === '') throw new CommandError('a rule needs a name', 2);
  try {
    if (fromEvent === undefined) return ruleFromTemplate(templateFor(options), { name, type, platform });
    const event = await oneEvent(fromEvent, at, trigger, platform);
    const decoded = decodeEvent(event.bytes);
    const of = platform ?? decoded.host?.os?.type ?? 'macos';
    return ruleFromEvent(decoded, event.trigger, of, { name, type });
  } catch (error) {
    if (error instanceof NewRuleError) throw new CommandError(error.message, 2, { cause: error });
    throw error;
  }
}

function templateFor({ template, trigger, platform }: NewOptions): RuleTemplate {
  if (template === undefined) {
    if (trigger === undefined) {
      throw new CommandError(
        'what should it begin with? --template NAME (--list shows them), --trigger or --from-event',
        2,
      );
    }
    const of = platform ?? PLATFORMS.find((one) => knownTriggers(one).has(trigger)) ?? 'linux';
    const found = RULE_TEMPLATES.find((one) => one.trigger === trigger) ?? genericTemplate(trigger, of);
    if (found === undefined) throw new CommandError(`there is no template for ${trigger} on ${of}`, 2);
    return found;
  }
  const found = RULE_TEMPLATES.find(({ name }) => name === template);
  if (found === undefined) {
    const names = RULE_TEMPLATES.map(({ name }) => name);
    const meant = nearestName(template, names);
    const hint = meant === undefined ? `: there are ${names.join(', ')}` : `; did you mean ${meant}?`;
    throw new CommandError(`no template is named ${template}${hint}`, 2);
  }
  if (trigger !== undefined && trigger !== found.trigger) {
    throw new CommandError(`the template ${template} is for ${found.trigger}, not for ${trigger}`, 2);
  }
  return found;
}

async function oneEvent(
  file: string,
  at: number | undefined,
  trigger: Trigger | undefined,
  platform: Platform | undefined,
): Promise<FileEvent> {
  const faults: EventFault[] = [];
  const onFault = (fault: EventFault): void => void faults.push(fault);
  let only: FileEvent | undefined;
  let count = 0;
  for await (const event of eventsOfFile(file, { trigger, platform, onFault })) {
    count++;
    if (at === undefined ? count === 1 : event.number === at) only = event;
    if (at !== undefined && only !== undefined) break;
  }
  if (at === undefined && count > 1) {
    throw new CommandError(
      `${file} holds ${count} events: --at N says which (picket rules explain --event ${file} lists them)`,
      2,
    );
  }
  if (only !== undefined) return only;
  const [fault] = faults;
  if (fault !== undefined)
    throw new CommandError(describeFault({ file, ...fault }), fault.isUnreadable ? 3 : 1);
  const what =
    at === undefined || count === 0 ? holdsNoEvent(file) : `${file} has no event ${at}: it holds ${count}`;
  throw new CommandError(what, 1);
}

/** undefined: it went to stdout. Never over a file that is there. */
async function write({ name, text }: NewRule, { out, json }: NewOptions): Promise<string | undefined> {
  if (out === '-') {
    if (json !== true) await writeOut(text);
    return undefined;
  }
  const file = fileFor(name, out);
  if (!/\.ya?ml$/.test(file)) {
    throw new CommandError(
      `${file} would be no rule file: --out names a folder, or a file that ends in .yaml`,
      2,
    );
  }
  try {
    await writeFile(file, text, { flag: 'wx' });
  } catch (error) {
    const isThere = (error as NodeJS.ErrnoException).code === 'EEXIST';
    if (!isThere) throw notWritten(file, error);
    throw new CommandError(`${file} is there already and is left as it is; --out names another`, 1);
  }
  return file;
}

function fileFor(name: string, out: string | undefined): string {
  const base = `${name.replace(/[^\p{L}\p{N}._-]+/gu, '-').replace(/^\.+/, '')}.yaml`;
  if (out === undefined) return isFolder('rules') ? join('rules', base) : base;
  return out.endsWith('/') || isFolder(out) ? join(out, base) : out;
}

function isFolder(path: string): boolean {
  return existsSync(path) && statSync(path).isDirectory();
}

async function listTemplates({ json }: NewOptions): Promise<void> {
  const rows = RULE_TEMPLATES.map(({ name, trigger, summary }) => ({ name, trigger, summary }));
  if (json === true) {
    await writeOut(`${JSON.stringify(rows, null, 2)}\n`);
    return;
  }
  const columns = [{ title: 'template' }, { title: 'trigger' }, { title: 'for' }];
  const paint = painterFor(process.stdout);
  const cells = rows.map(({ name, trigger, summary }) => [name, trigger, summary]);
  await writeOut(`${formatTable(columns, cells, (title) => paint('bold', title))}\n`);
}
