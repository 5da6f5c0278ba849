// `picket run`: the agent, until a signal ends it.
import { readFileSync, write } from 'node:fs';
import { Command, Option } from 'commander';
import { type Agent, type AgentOptions, type AgentReport, startAgent } from '../agent.ts';
import { dieNow } from '../auth/die-now.ts';
import { defaultConfig, loadConfig } from '../config/load.ts';
import { type Config, LOG_LEVELS } from '../config/schema.ts';
import { authOutcomesOf } from '../observe/auth-outcomes.ts';
import { openLog } from '../observe/log.ts';
import { KeyTemplateError } from '../operators/key-template.ts';
import { RuleFileError } from '../rules/rule-problem.ts';
import { PLATFORMS } from '../rules/schema.ts';
import { authOutcomeLines } from './auth-outcomes-text.ts';
import { endOnCrash } from './end-on-crash.ts';
import { CommandError } from './failure.ts';
import { laneLines } from './lane-text.ts';
import { natsOption } from './nats-option.ts';
import { shadowLines } from './shadow-text.ts';

interface RunOptions {
  readonly config?: string;
  readonly socket?: string;
  readonly nats?: readonly string[];
  readonly rules?: readonly string[];
  readonly name?: string;
  readonly platform?: Config['rules']['platform'];
  readonly logLevel?: Config['log']['level'];
  readonly untilEnd?: boolean;
}

/** The last lines of a log that nobody reads are not waited for. */
const LOG_FLUSH_MS = 1_000;
/** What is still open then (a NATS server that takes connections and says nothing) is left. */
const LINGER_MS = 1_000;
/** The auth lane's thread ends with the connection; a bridge that is silent must not keep the process. */
const EXIT_MS = 3_000;

export function runCommand(): Command {
  return new Command('run')
    .description(
      'The agent: takes events from picket-bridge, judges them by rules, answers authorization requests in time and ' +
        'publishes batches to NATS. Ends cleanly on SIGTERM or SIGINT; a second signal ends it at once. ' +
        'SIGHUP loads the rules again.',
    )
    .option('-c, --config <file>', 'configuration; picket.example.yaml documents every key')
    .option('--socket <path>', "the bridge's control socket (bridge.socket)")
    .addOption(natsOption())
    .option('--rules <path...>', 'rule files or folders (rules.paths)')
    .option('--name <name>', "this host's name (agent.name)")
    .addOption(new Option('--platform <name>', 'whose events are judged (rules.platform)').choices(PLATFORMS))
    .addOption(
      new Option('--log-level <level>', 'the least severe lines that are logged (log.level)').choices(
        LOG_LEVELS,
      ),
    )
    .option('--until-end', 'end when the source has ended, as the replay backend does')
    .addHelpText(
      'after',
      '\nExit codes: 0 after a clean drain, 1 events were left undelivered, or rules or configuration are wrong,' +
        '\n2 the command line is wrong, 3 picket failed.' +
        '\n\nExamples:\n  picket run -c /etc/picket/picket.yaml\n  picket run --rules rules/linux --nats nats://127.0.0.1:4222',
    )
    .action(run);
}

async function run(options: RunOptions): Promise<void> {
  const config = override(
    options.config === undefined ? defaultConfig() : await loadConfig(options.config),
    options,
  );
  const log = openLog(config.log.level);
  endOnCrash();
  // Unheard, it would end a process that is only loading its rules.
  let isReloadAskedFor = false;
  const askForReload = (): void => {
    isReloadAskedFor = true;
  };
  // An agent that a signal ends while it loads its rules would look like one that died of them.
  let isEndAskedFor = false;
  const askForEnd = (): void => {
    if (isEndAskedFor) dieNow();
    isEndAskedFor = true;
  };
  process.on('SIGHUP', askForReload).on('SIGTERM', askForEnd).on('SIGINT', askForEnd);
  const agent = await startOrExplain({
    config,
    version: packageVersion(),
    log: log.logger,
    ...(options.untilEnd ? { untilEndOfSource: true } : {}),
  });
  const unlisten = listenToSignals(agent, (text) => log.logger.info(text));
  process.off('SIGHUP', askForReload).off('SIGTERM', askForEnd).off('SIGINT', askForEnd);
  if (isReloadAskedFor) agent.reload();
  if (isEndAskedFor) agent.stop();
  try {
    const { undelivered, isTakenOver } = await agent.ended;
    process.exitCode = undelivered === 0 || isTakenOver ? 0 : 1;
  } finally {
    await log.flush(LOG_FLUSH_MS);
    await tell(agent.report(), log.droppedLines());
    // SIGTERM and SIGINT stay with us to the last: a second one must still end a process that hangs.
    setTimeout(() => void agent.laneEnded().then(() => process.exit()), LINGER_MS).unref();
    setTimeout(dieNow, EXIT_MS).unref();
    unlisten();
  }
}

/** Wrong rules are not a failure of the tool: the places in the files say it all. */
async function startOrExplain(options: AgentOptions): Promise<Agent> {
  try {
    return await startAgent(options);
  } catch (error) {
    if (error instanceof RuleFileError || error instanceof KeyTemplateError)
      throw new CommandError(error.message, 1, { cause: error });
    throw error;
  }
}

function override(config: Config, options: RunOptions): Config {
  const { socket, nats, rules, name, platform, logLevel } = options;
  return {
    ...config,
    agent: { ...config.agent, ...(name === undefined ? {} : { name }) },
    bridge: { ...config.bridge, ...(socket === undefined ? {} : { socket }) },
    nats: { ...config.nats, ...(nats === undefined ? {} : { servers: [...nats] }) },
    rules: {
      ...config.rules,
      ...(rules === undefined ? {} : { paths: [...rules] }),
      ...(platform === undefined ? {} : { platform }),
    },
    log: { ...config.log, ...(logLevel === undefined ? {} : { level: logLevel }) },
  };
}

function listenToSignals(agent: Agent, tellLog: (text: string) => void): () => void {
  let isStopping = false;
  const stop = (signal: NodeJS.Signals): void => {
    if (isStopping) dieNow();
    isStopping = true;
    tellLog(`${signal}: taking no more events, delivering what is here; a second signal ends at once`);
    agent.stop();
  };
  const reload = (): void => agent.reload();
  process.on('SIGTERM', stop).on('SIGINT', stop).on('SIGHUP', reload);
  return () => {
    process.off('SIGHUP', reload);
  };
}

/** By another thread and with a bound: a reader of stderr that has stopped must not keep the agent from its end. */
async function tell(report: AgentReport, droppedLines: number): Promise<void> {
  const lines = [String(report.ledger)];
  const outcomes = report.bridge === undefined ? [] : authOutcomeLines(authOutcomesOf(report.bridge));
  if (outcomes.length > 0)
    lines.push('Requests since the bridge started, as of its last second:', ...outcomes);
  lines.push(...laneLines(report.lane), ...shadowLines(report.shadow));
  if (droppedLines > 0) lines.push(`${droppedLines} log lines were dropped: nobody read them in time.`);
  if (report.isTakenOver)
    lines.push(
      `Another agent has taken over. The bridge gives it the ${report.undelivered} events not delivered here.`,
    );
  else if (report.undelivered > 0)
    lines.push(
      `${report.undelivered} events or alerts could not be delivered before the end. The bridge keeps those that it ` +
        'can for the next agent; the others are lost and counted.',
    );
  const written = new Promise((resolve) => write(process.stderr.fd, `${lines.join('\n')}\n`, resolve));
  await Promise.race([written, new Promise((resolve) => setTimeout(resolve, LOG_FLUSH_MS).unref())]);
}

function packageVersion(): string {
  const text = readFileSync(new URL('../../package.json', import.meta.url), 'utf8');
  return (JSON.parse(text) as { version: string }).version;
}
