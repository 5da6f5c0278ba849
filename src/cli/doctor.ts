// `picket doctor`: what this machine can and cannot do, and how to mend it.
import { connect, type NatsConnection } from '@nats-io/transport-node';
import { Command } from 'commander';
import { checkBridgeBinary } from '../doctor/bridge-binary.ts';
import { checkCapabilities } from '../doctor/capabilities.ts';
import type { Check, DoctorContext, Finding, State } from '../doctor/check.ts';
import { checkClock } from '../doctor/clock.ts';
import { checkFanotify } from '../doctor/fanotify.ts';
import { checkKernel } from '../doctor/kernel.ts';
import { checkNatsServer } from '../doctor/nats-server.ts';
import { checkNodeVersion } from '../doctor/node-version.ts';
import { probeBridge } from '../doctor/probe.ts';
import { checkRuleFiles } from '../doctor/rule-files.ts';
import { checkSocket } from '../doctor/socket.ts';
import { checkStream } from '../doctor/stream.ts';
import { checkZstd } from '../doctor/zstd.ts';
import { type Paint, padTo, painterFor, writeOut } from './output.ts';

const CHECKS: readonly Check[] = [
  checkNodeVersion,
  checkZstd,
  checkKernel,
  checkCapabilities,
  checkBridgeBinary,
  checkFanotify,
  checkSocket,
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

interface DoctorOptions {
  readonly config?: string;
  readonly bridge?: string;
  readonly json?: boolean;
}

export function doctorCommand(): Command {
  return new Command('doctor')
    .description(
      'What this machine can and cannot do, and how to mend it. Exit 1 when `picket run` would fail.',
    )
    .option('-c, --config <file>', 'the configuration that `picket run` would get')
    .option('--bridge <file>', 'the bridge binary', DEFAULT_BRIDGE)
    .option('--json', 'the findings as JSON')
    .addHelpText('after', '\nExample:\n  sudo picket doctor -c /etc/picket/picket.yaml')
    .action(async (options: DoctorOptions) => {
      const session = await openSession(options);
      try {
        const findings = await runChecks(session.context);
        await writeOut(
          options.json === true ? `${JSON.stringify({ findings }, null, 2)}\n` : formatFindings(findings),
        );
        if (findings.some(({ state }) => state === 'fail')) process.exitCode = 1;
      } finally {
        await session.close();
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
  if (failures > 0) return `picket run would fail: ${failures} to mend, ${count('warn')} warnings.${unseen}`;
  return `Nothing here would keep picket run from working; ${count('warn')} warnings.${unseen}`;
}
