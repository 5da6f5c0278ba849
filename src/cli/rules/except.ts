// `picket rules except`: the narrowest exception for events on which a rule fires and should not.
import { existsSync } from 'node:fs';
import { basename } from 'node:path';
import { Command } from 'commander';
import type { Platform } from '../../events/triggers.ts';
import type { TellingFact } from '../../rules/exception-facts.ts';
import { exceptionFile, type WrittenException } from '../../rules/exception-text.ts';
import { parseExpiry } from '../../rules/exceptions.ts';
import { loadRules } from '../../rules/load.ts';
import { type ProposedException, proposeException } from '../../rules/propose-exception.ts';
import type { RuleDefinition, RuleSet } from '../../rules/schema.ts';
import { CommandError } from '../failure.ts';
import { counted, say, writeOut } from '../output.ts';
import { appendException } from './append-exception.ts';
import { firingEvents } from './firing-events.ts';
import { noneNamed } from './named-rules.ts';
import { pathsArgument, platformOption } from './options.ts';
import { rulesOrReport } from './usable-rules.ts';

interface ExceptOptions {
  readonly fromEvent: string;
  readonly reason?: string;
  readonly name?: string;
  readonly expires?: string;
  readonly out?: string;
  readonly platform?: Platform;
  readonly json?: boolean;
}

/** What stands where a person has not said why; `rules check` points at it. */
const NO_REASON = 'TODO';

export function exceptCommand(): Command {
  return new Command('except')
    .summary('proposes the narrowest exception for events on which a rule fires')
    .description(
      'Takes recorded events on which RULE fires and should not, and proposes the narrowest exception that covers all ' +
        'of them: by who acts and on what, never by times, process ids or other numbers that change. The exception is ' +
        'tried first: it stops these events, and none that a test of the rule expects to match. Without PATH: the ' +
        'folder `rules`. Name the folder of exceptions, too, where there is one.',
    )
    .argument('<rule>', 'the name of the rule')
    .addArgument(pathsArgument())
    .requiredOption(
      '--from-event <file>',
      "what `picket replay` or `tail` print, eslogger's lines, a recording, or one event as in a test; '-' is stdin",
    )
    .option('--reason <text>', 'why these events are none of the rule’s business')
    .option('--name <name>', 'what the exception is called (default: after the program)')
    .option('--expires <date>', 'until when it holds: 2027-01-31, or a time with its zone')
    .option('--out <file>', 'append it to this file of exceptions, or begin one; needs --reason')
    .addOption(platformOption())
    .option('--json', 'print the exception as JSON on stdout')
    .addHelpText(
      'after',
      '\nExit codes: 0 proposed, 1 the rule does not fire, nothing covers the events or a rule is wrong, 2 the command line ' +
        'is wrong, 3 a file could not be read or written, or picket failed.' +
        '\n\nExamples:\n  picket replay night.json.zst --rules rules/macos > events.ndjson' +
        '\n  picket rules except keys-read rules exceptions --from-event events.ndjson \\' +
        '\n    --reason "The backup reads all files" --expires 2027-06-30 --out exceptions/site.yaml',
    )
    .action(except);
}

async function except(name: string, paths: string[], options: ExceptOptions): Promise<void> {
  checkOptions(options);
  const { out } = options;
  // What it is appended to counts already, wherever it is.
  const loaded = out !== undefined && existsSync(out) ? [...paths, out] : paths;
  const { platform, json = false } = options;
  const ruleSet = await rulesOrReport(await loadRules(loaded, { platform }), { paths: loaded, json });
  if (ruleSet === undefined) return;
  const rule = ruleNamed(name, ruleSet);
  const firing = await firingEvents(rule, ruleSet, options.fromEvent, options.platform);
  const proposal = await proposeException(rule, ruleSet, firing);
  if ('reason' in proposal) {
    const tests = proposal.tests.map((test) => `\n  ${rule.name}: ${test}`).join('');
    const stopped =
      tests === '' ? '' : `; an exception for them would also stop these tests of the rule:${tests}`;
    throw new CommandError(`no exception for ${rule.name}: ${proposal.reason}${stopped}`, 1);
  }
  const exception = written(rule, proposal, firing.length, options);
  if (options.out !== undefined) await appendException(options.out, exception, paths);
  if (options.json) {
    const { facts, ...rest } = exception;
    const conditions = { all: facts.map(({ leaf }) => leaf) };
    const because = facts.map(({ name: fact, why }) => ({ fact, why }));
    await writeOut(`${JSON.stringify({ ...rest, conditions, because, events: firing.length }, null, 2)}\n`);
  } else if (options.out === undefined) await writeOut(exceptionFile(exception));
  for (const what of proposal.leftOut) say(`left out: ${what}`);
  if (options.reason === undefined) say('say why: put the reason in place of TODO, or give --reason');
}

function checkOptions({ out, reason, expires, fromEvent }: ExceptOptions): void {
  if (out !== undefined && reason === undefined) {
    throw new CommandError(
      '--out needs --reason: nobody remembers a year later why an exception is there',
      2,
    );
  }
  if (expires !== undefined && parseExpiry(expires) === undefined) {
    throw new CommandError(
      `--expires ${expires} is no date: 2027-01-31, or a time with its zone, 2027-01-31T18:00:00Z`,
      2,
    );
  }
  if (expires !== undefined && (parseExpiry(expires) ?? 0) <= Date.now()) {
    throw new CommandError(`--expires ${expires} is past: the exception would never hold`, 2);
  }
  if (fromEvent === '') throw new CommandError('--from-event needs the name of a file', 2);
}

/** A name, no pattern: an exception is for one rule. */
function ruleNamed(name: string, { rules }: RuleSet): RuleDefinition {
  const rule = rules.find((one) => one.name === name);
  if (rule === undefined) throw new CommandError(noneNamed(name, rules), 2);
  return rule;
}

function written(
  rule: RuleDefinition,
  { facts }: ProposedException,
  events: number,
  { reason, name, expires }: ExceptOptions,
): WrittenException {
  const taken = new Set(rule.exceptions.map((exception) => exception.name));
  const base = name ?? defaultName(facts);
  let own = base;
  for (let number = 2; taken.has(own); number++) own = `${base}-${number}`;
  const day = new Date().toISOString().slice(0, 10);
  return {
    rule: rule.name,
    name: own,
    reason: reason ?? NO_REASON,
    expires,
    facts,
    remarks: [`Proposed on ${day} from ${counted(events, 'event')} on which the rule fired.`],
  };
}

/** After the program, or after what it is about. */
function defaultName(facts: readonly TellingFact[]): string {
  const of = (suffix: string): string | undefined => {
    const value = facts.find(({ name }) => name === suffix)?.leaf.value;
    const first: unknown = Array.isArray(value) ? value[0] : value;
    return typeof first === 'string' ? first : undefined;
  };
  const path = of('process.executable') ?? of('process.parent.executable') ?? of('file.path');
  return (
    of('process.code_signature.signing_id') ??
    (path === undefined ? 'exception' : basename(path) || 'exception')
  );
}
