// `picket off`, `picket on` and `picket status`: the way out, and the way back. The bridge itself answers, whatever has
// become of the agent.
import { Command } from 'commander';
import {
  askBridge,
  BridgeControlError,
  type BridgeReport,
  type ControlCommand,
} from '../control/ask-bridge.ts';
import { displayText } from '../events/text.ts';
import { authOutcomeLines } from './auth-outcomes-text.ts';
import { CommandError } from './failure.ts';
import { writeOut } from './output.ts';

interface SwitchOptions {
  readonly socket: string;
  readonly reason?: string;
  readonly json?: boolean;
}

const DEFAULT_SOCKET = '/run/picket/bridge.sock';

const EXITS =
  '\nFor root. Where Node cannot start, picket-bridge --control does the same.' +
  '\n\nExit codes: 0 the bridge has answered, 1 no bridge answers, or it refuses, 2 the command line is wrong, 3 picket failed.';

export function offCommand(): Command {
  return switchCommand('off')
    .description(
      'Ends enforcement at once: whoever waits for an answer goes on, nothing is denied any more and the kernel asks ' +
        'about nothing. Events are recorded as before. It stays so, also after a restart of the bridge or the machine, ' +
        'until `picket on`.',
    )
    .option('--reason <text>', 'told in the log and in the event')
    .addHelpText('after', `${EXITS}\n\nExample:\n  sudo picket off --reason "backups hang"`);
}

export function onCommand(): Command {
  return switchCommand('on')
    .description(
      'Begins enforcement again, after `picket off` or a crash loop. Refused while the kernel was started with picket=off.',
    )
    .option('--reason <text>', 'told in the log and in the event')
    .addHelpText('after', `${EXITS}\n\nExample:\n  sudo picket on`);
}

export function statusCommand(): Command {
  return switchCommand('status')
    .description(
      'Says whether the bridge enforces and since when, which agent is connected, what is guarded, and what became of ' +
        'every request since the bridge started.',
    )
    .addHelpText('after', `${EXITS}\n\nExample:\n  sudo picket status --json`);
}

function switchCommand(command: ControlCommand): Command {
  return new Command(command)
    .option('--socket <path>', "the bridge's control socket", DEFAULT_SOCKET)
    .option('--json', 'the answer as JSON')
    .action(async ({ socket, reason, json }: SwitchOptions) => {
      const report = await askOrExplain({
        socketPath: socket,
        command,
        ...(reason === undefined ? {} : { reason }),
      });
      await writeOut(json === true ? `${JSON.stringify(report, null, 2)}\n` : formatReport(report));
    });
}

async function askOrExplain(options: Parameters<typeof askBridge>[0]): Promise<BridgeReport> {
  try {
    return await askBridge(options);
  } catch (error) {
    if (error instanceof BridgeControlError) throw new CommandError(error.message, 1, { cause: error });
    throw error;
  }
}

const MEANINGS: Readonly<Record<BridgeReport['state'], string>> = {
  on: 'Rules are enforced.',
  off: 'Nothing is denied and nobody waits; events are recorded. To enforce again: picket on',
  observing:
    'Nothing is denied and nobody waits; what rules would have denied is recorded. To enforce again: picket on',
};

export function formatReport(report: BridgeReport): string {
  const { state, reason, since, agent, epoch, guarded, unguarded, note, outcomes } = report;
  const lines = [
    `enforcement is ${state}${since === undefined ? '' : ` since ${since.toISOString()}`}${reason === '' ? '' : `: ${reason}`}`,
    MEANINGS[state],
    agent === undefined
      ? 'no agent is connected'
      : `agent ${agent.name}, generation ${agent.generation}${epoch === 0 ? '' : `, policy ${epoch}`}`,
    ...guarded.map((sentence) => `guarded: ${sentence}`),
    ...unguarded,
    ...(note === '' ? [] : [`note: ${note}`]),
  ];
  const counts = outcomes === undefined ? [] : authOutcomeLines(outcomes);
  return `${[...lines, ...counts].map(displayText).join('\n')}\n`;
}
