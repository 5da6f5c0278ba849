// The command line. Each command is a file of its own, loaded only when it is asked for, so that `picket --help`
// answers at once.
import { readFileSync } from 'node:fs';
import { Command, CommanderError, Option } from 'commander';
import { describeError, exitCodeOf } from './failure.ts';
import { endQuietlyOnBrokenPipe } from './output.ts';

interface CommandEntry {
  readonly summary: string;
  readonly load: () => Promise<Command>;
}

const COMMANDS: ReadonlyMap<string, CommandEntry> = new Map([
  [
    'demo',
    {
      summary: 'bridge, agent and a private nats-server here, real events, a report',
      load: async () => (await import('./demo.ts')).demoCommand(),
    },
  ],
  ['run', { summary: 'the agent', load: async () => (await import('./run.ts')).runCommand() }],
  [
    'replay',
    {
      summary: 'recorded events through the same pipeline, offline',
      load: async () => (await import('./replay.ts')).replayCommand(),
    },
  ],
  [
    'rules',
    {
      summary: "the rule author's tools: check, test, explain, plan, backtest and more",
      load: async () => (await import('./rules/rules.ts')).rulesCommand(),
    },
  ],
  [
    'stream',
    {
      summary: 'the JetStream stream that agents publish to',
      load: async () => (await import('./stream.ts')).streamCommand(),
    },
  ],
  [
    'tail',
    {
      summary: 'decoded events from NATS, as they come',
      load: async () => (await import('./tail.ts')).tailCommand(),
    },
  ],
  [
    'off',
    {
      summary: 'when it goes wrong: ends all enforcement at once',
      load: async () => (await import('./switch.ts')).offCommand(),
    },
  ],
  ['on', { summary: 'enforces again', load: async () => (await import('./switch.ts')).onCommand() }],
  [
    'status',
    {
      summary: 'whether the bridge enforces, and what',
      load: async () => (await import('./switch.ts')).statusCommand(),
    },
  ],
  [
    'doctor',
    {
      summary: 'what this machine can and cannot do, and how to mend it',
      load: async () => (await import('./doctor.ts')).doctorCommand(),
    },
  ],
]);

async function main(args: readonly string[]): Promise<void> {
  const program = new Command('picket')
    .description(
      "An endpoint's guard: kernel events in, declarative rules, verdicts in time, batches to NATS.",
    )
    .version(versionOfPackage(), '-V, --version', 'print the version')
    .option('--verbose', 'print stack traces of errors (also: PICKET_DEBUG=1)')
    .helpCommand('help [command]', 'the help of a command')
    .addHelpText(
      'after',
      '\nExit codes: 0 well, 1 what was looked at is wrong, 2 the command line is wrong, 3 picket itself failed.' +
        '\nColour: on a terminal; NO_COLOR=1 never, FORCE_COLOR=1 always.' +
        '\n\nExample:\n  picket replay events.json --rules rules/macos --output summary',
    );
  const operands = args.filter((arg) => !arg.startsWith('-'));
  const asked = operands[0] === 'help' && operands.length > 1 ? operands.slice(1) : undefined;
  const [wanted] = asked ?? operands;
  for (const [name, entry] of COMMANDS) {
    program.addCommand(wanted === name ? (await entry.load()).summary(entry.summary) : stubOf(name, entry));
  }
  inheritSettings(program);
  if (asked !== undefined && helpOf(program, asked)) return;
  await program.parseAsync(asked ?? args, { from: 'user' });
}

/** `picket help rules plan`. false: there is no such command, as commander will say. */
function helpOf(program: Command, names: readonly string[]): boolean {
  let command = program;
  for (const name of names) {
    if (command.commands.length === 0) break;
    const child = command.commands.find((one) => one.name() === name);
    if (child === undefined) return false;
    command = child;
  }
  command.outputHelp();
  return true;
}

/** Stands in the list of commands only. */
function stubOf(name: string, entry: CommandEntry): Command {
  return new Command(name).summary(entry.summary);
}

/** addCommand() hands nothing down: every command reports its usage errors as an exception and shows the way to help. */
function inheritSettings(command: Command): void {
  command.exitOverride();
  if (command.options.every(({ long }) => long !== '--verbose')) {
    command.addOption(new Option('--verbose').hideHelp()); // read from the arguments below, wherever it stands
  }
  command.showHelpAfterError(`(${pathOf(command)} --help shows how)`);
  for (const child of command.commands) inheritSettings(child);
}

function pathOf(command: Command): string {
  return command.parent ? `${pathOf(command.parent)} ${command.name()}` : command.name();
}

function versionOfPackage(): string {
  const text = readFileSync(new URL('../../package.json', import.meta.url), 'utf8');
  return (JSON.parse(text) as { version: string }).version;
}

const args = process.argv.slice(2);
const isVerbose = args.includes('--verbose') || (process.env.PICKET_DEBUG ?? '') !== '';
endQuietlyOnBrokenPipe();
try {
  await main(args);
} catch (error) {
  // Commander has said its piece already.
  if (!(error instanceof CommanderError))
    process.stderr.write(`picket: ${describeError(error, isVerbose)}\n`);
  process.exitCode = exitCodeOf(error);
}
