// `picket demo`: bridge, agent and a private nats-server on this machine, real events, a report.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { Command, Option } from 'commander';
import { runLiveDemo } from '../demo/live.ts';
import { whyNotLive } from '../demo/prerequisites.ts';
import { runRecordedDemo } from '../demo/recorded.ts';
import { Screen } from '../demo/screen.ts';
import { Undo } from '../demo/undo.ts';
import type { Platform } from '../events/triggers.ts';
import { CommandError } from './failure.ts';
import { say } from './output.ts';

const DEFAULT_BRIDGE = join(import.meta.dirname, '../../native-bridge/build/picket-bridge');
const ENDING_SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

interface DemoCommandOptions {
  readonly bridge: string;
  readonly recorded?: boolean;
  readonly platform?: Platform;
}

export function demoCommand(): Command {
  return new Command('demo')
    .description(
      'A private nats-server, the bridge and the agent, really running: programs are started and files opened on a ' +
        'scratch mount, some are denied, everything is read back from JetStream and compared. Takes well under a ' +
        'minute and leaves nothing behind. ' +
        'Without root, and on macOS, recorded events are played instead, and the demo says what it cannot show.',
    )
    .option('--bridge <file>', 'the bridge binary', DEFAULT_BRIDGE)
    .option('--recorded', 'play the recording even where the kernel could be guarded')
    .addOption(
      new Option('--platform <name>', 'whose recording to play; implies --recorded').choices([
        'linux',
        'macos',
      ]),
    )
    .addHelpText(
      'after',
      '\nExit codes: 0 the books balance and every verdict was enforced, 1 not all of it is so, or a signal ended it early, 2 the' +
        '\ncommand line is wrong, 3 picket failed, or could not tidy up after itself.' +
        '\n\nExamples:\n  sudo picket demo\n  picket demo --platform macos',
    )
    .action(demo);
}

async function demo(options: DemoCommandOptions): Promise<void> {
  if (!existsSync(options.bridge))
    throw new CommandError(
      `there is no bridge at ${options.bridge}: 'npm run setup' builds it, --bridge names another`,
      3,
    );
  const started = performance.now();
  const undo = new Undo();
  const ending = endOnSignal();
  const screen = new Screen();
  let holds = false;
  let failure: unknown;
  try {
    const isAsked = options.recorded === true || options.platform !== undefined;
    const reason = isAsked ? 'you asked for a recording' : await whyNotLive(options.bridge);
    const parts = { bridgeBinary: options.bridge, signal: ending.signal, undo, screen };
    const platform = options.platform ?? (process.platform === 'darwin' ? 'macos' : 'linux');
    holds =
      reason === undefined ? await runLiveDemo(parts) : await runRecordedDemo({ ...parts, platform, reason });
  } catch (error) {
    failure = error;
  }
  // Whatever happened, and whatever is pressed meanwhile: everything is undone first.
  const remains = await undo.run();
  for (const sentence of remains) say(`picket demo: left behind, ${sentence}`);
  ending.release();
  if (ending.signal.aborted && remains.length === 0) {
    screen.line('\nEnded early; nothing is left behind.');
    process.exitCode = 1;
    return;
  }
  if (failure !== undefined) throw failure;
  if (remains.length > 0) throw new CommandError('the demo could not tidy up after itself', 3);
  const seconds = ((performance.now() - started) / 1_000).toFixed(1);
  screen.line(
    holds
      ? screen.paint(['green', 'bold'], `\nAll of it is true. ${seconds} s, nothing left behind.`)
      : screen.paint(['red', 'bold'], `\nNot all of it is true. ${seconds} s, nothing left behind.`),
  );
  process.exitCode = holds ? 0 : 1;
}

/** A signal only stops the show; the way out is the same as at its end. A second one changes nothing. */
function endOnSignal(): { readonly signal: AbortSignal; release(): void } {
  const controller = new AbortController();
  const abort = (): void => controller.abort();
  for (const name of ENDING_SIGNALS) process.on(name, abort);
  return {
    signal: controller.signal,
    release() {
      for (const name of ENDING_SIGNALS) process.off(name, abort);
    },
  };
}
