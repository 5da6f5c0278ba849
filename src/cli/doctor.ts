// `picket doctor`: what this machine can and cannot do, and how to mend it.
import { join } from 'node:path';
import { connect, type NatsConnection } from '@nats-io/transport-node';
import { Command } from 'commander';
import { defaultConfig, loadConfig } from '../config/load.ts';
import { natsConnectionOptions } from '../config/nats-options.ts';
import type { Config } from '../config/schema.ts';
import { checkBridgeBinary } from '../doctor/bridge-binary.ts';
import { checkCapabilities } from '../doctor/capabilities.ts';
import type { Check, DoctorContext, Finding, State } from '../doctor/check.ts';
import { checkClock } from '../doctor/clock.ts';
import { checkFanotify } from '../doctor/fanotify.ts';
import { checkFilesystems } from '../doctor/filesystems.ts';
import { checkKernel } from '../doctor/kernel.ts';
import { checkNatsServer } from '../doctor/nats-server.ts';
import { checkNodeVersion } from '../doctor/node-version.ts';
import { probeBridge } from '../doctor/probe.ts';
import { checkRuleFiles } from '../doctor/rule-files.ts';
import { checkRunningBridge } from '../doctor/running-bridge.ts';
import { checkSocket } from '../doctor/socket.ts';
import { checkStream } from '../doctor/stream.ts';
import { checkZstd } from '../doctor/zstd.ts';
import { counted, type Paint, padTo, painterFor, writeOut } from './output.ts';

const CHECKS: readonly Check[] = [
  checkNodeVersion,
  checkZstd,
  checkKernel,
  checkCapabilities,
  checkBridgeBinary,
  checkFanotify,
  checkFilesystems,
  checkSocket,
  checkRunningBridge,
  checkRuleFiles,
  checkNatsServer,
  checkStream,
  checkClock,
];

const MARKS: Readonly<Record<State, readonly [mark: string, paint: Paint]>> = {
  ok: ['ok', 'green'],
  warn: ['warn', 'yellow'],
  fail: ['FAIL', 'red'],
  unseen: ['unseen', 'cyan'],
};

const DEFAULT_BRIDGE = join(import.meta.dirname, '../../native-bridge/build/picket-bridge');
const NATS_TIMEOUT_MS = 3_000;

interface DoctorOptions {
  readonly config?: string;
  readonly bridge: string;
  readonly json?: boolean;
}

export function doctorCommand(): Command {
  return new Command('doctor')
    .description('What this machine can and cannot do, and how to mend it.')
    .option('-c, --config <file>', 'the configuration that `picket run` would get')
    .option('--bridge <file>', 'the bridge binary', DEFAULT_BRIDGE)
    .option('--json', 'the findings as JSON')
    .addHelpText(
      'after',
      '\nExit codes: 0 `picket run` would work, 1 it would fail, or the configuration is wrong, 2 the command line is wrong,' +
        '\n3 picket failed.\n\nExample:\n  sudo picket doctor -c /etc/picket/picket.yaml',
    )
    .action(async (options: DoctorOptions) => {
      const context = await contextOf(options);
      try {
        const findings = await runChecks(context);
        await writeOut(
          options.json === true ? `${JSON.stringify({ findings }, null, 2)}\n` : formatFindings(findings),
        );
        if (findings.some(({ state }) => state === 'fail')) process.exitCode = 1;
      } finally {
        const connection = await context.nats();
        if (!(connection instanceof Error)) await connection.close();
      }
    });
}

/** One after another: the checks measure and try things, and must not be in each other's way. */
async function runChecks(context: DoctorContext): Promise<readonly Finding[]> {
  const findings: Finding[] = [];
  for (const check of CHECKS) findings.push(...(await check(context)));
  return findings;
}

function formatFindings(findings: readonly Finding[]): string {
  const paint = painterFor(process.stdout);
  const width = Math.max(...findings.map(({ check }) => check.length));
  const lines = findings.flatMap(({ check, state, found, mend }) => {
    const [mark, colour] = MARKS[state];
    const line = `${padTo(paint(colour, mark), 6)}  ${padTo(check, width)}  ${found}`;
    return mend === undefined ? [line] : [line, `${' '.repeat(width + 10)}${paint('dim', `→ ${mend}`)}`];
  });
  return `${lines.join('\n')}\n\n${formatConclusion(findings)}\n`;
}

function formatConclusion(findings: readonly Finding[]): string {
  const count = (wanted: State): number => findings.filter(({ state }) => state === wanted).length;
  const unseen = count('unseen') === 0 ? '' : ` ${count('unseen')} could not be looked at from here.`;
  const failures = count('fail');
  if (failures > 0)
    return `picket run would fail: ${failures} to mend, ${counted(count('warn'), 'warning')}.${unseen}`;
  return `Nothing here would keep picket run from working; ${counted(count('warn'), 'warning')}.${unseen}`;
}

async function contextOf(options: DoctorOptions): Promise<DoctorContext> {
  const config = options.config === undefined ? defaultConfig() : await loadConfig(options.config);
  return {
    platform: process.platform,
    isRoot: process.getuid?.() === 0,
    bridgeBinary: options.bridge,
    socketPath: config.bridge.socket,
    natsServers: config.nats.servers,
    eventsSubject: `picket.events.${config.agent.group}.>`,
    rules: config.rules,
    guard: config.guard,
    nats: once(() => connectToNats(config)),
    probe: once(() => probeBridge(options.bridge)),
  };
}

async function connectToNats(config: Config): Promise<NatsConnection | Error> {
  try {
    const options = await natsConnectionOptions(config);
    return await connect({ ...options, name: 'picket doctor', reconnect: false, timeout: NATS_TIMEOUT_MS });
  } catch (error) {
    return error instanceof Error ? error : new Error(String(error));
  }
}

/** The first call does it, all calls get what it gave. */
function once<T>(make: () => Promise<T>): () => Promise<T> {
  let made: Promise<T> | undefined;
  return () => {
    made ??= make();
    return made;
  };
}
