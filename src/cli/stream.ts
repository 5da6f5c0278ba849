// `picket stream setup`: creates the JetStream stream of a fleet, or brings it up to date.
import { connect } from '@nats-io/transport-node';
import { Command, InvalidArgumentError, Option } from 'commander';
import { defaultConfig, loadConfig } from '../config/load.ts';
import { natsConnectionOptions } from '../config/nats-options.ts';
import type { Config } from '../config/schema.ts';
import { type StreamSettings, setupStream } from '../sinks/stream.ts';
import { CommandError } from './failure.ts';
import { natsOption } from './nats-option.ts';

interface SetupOptions {
  readonly config?: string;
  readonly nats?: readonly string[];
  readonly stream?: string;
  readonly maxBytes?: number;
  readonly maxAge?: number;
  readonly replicas?: number;
  readonly storage?: StreamSettings['storage'];
  readonly json?: boolean;
}

export function streamCommand(): Command {
  const stream = new Command('stream').description('The JetStream stream that agents publish to.');
  stream
    .command('setup')
    .description(
      "Create the stream, or bring it up to date; needs an administrator's rights. Run it again as often as you like: limits that are not named stay as they are.",
    )
    .option('-c, --config <file>', 'configuration, for the servers and the name of the stream')
    .addOption(natsOption())
    .option('--stream <name>', 'name of the stream (nats.stream)')
    .option('--max-bytes <bytes>', 'oldest messages go beyond this size; -1: no limit', wholeNumber(-1))
    .option('--max-age <hours>', 'messages older than this go; 0: no limit', wholeNumber(0))
    .option('--replicas <count>', 'copies in a cluster', wholeNumber(1))
    .addOption(new Option('--storage <kind>', 'where messages are kept').choices(['file', 'memory']))
    .option('--json', 'print the result as JSON')
    .addHelpText(
      'after',
      '\nExit codes: 0 the stream is as it should be, 1 NATS or the configuration does not let it be, 2 the command line is' +
        '\nwrong, 3 picket failed.' +
        '\n\nExample:\n  picket stream setup --nats nats://127.0.0.1:4222 --max-age 168',
    )
    .action(setup);
  return stream;
}

async function setup(options: SetupOptions): Promise<void> {
  const base = options.config === undefined ? defaultConfig() : await loadConfig(options.config);
  const servers = options.nats === undefined ? base.nats.servers : [...options.nats];
  const config: Config = { ...base, nats: { ...base.nats, servers } };
  const name = options.stream ?? config.nats.stream;
  const connection = await connectOrExplain(config);
  try {
    const result = await setupStream(connection, { name, ...limitsOf(options) });
    if (options.json) process.stdout.write(`${JSON.stringify({ stream: name, ...result })}\n`);
    else process.stdout.write(`${describe(name, result)}\n`);
  } finally {
    await connection.close();
  }
}

async function connectOrExplain(config: Config) {
  const options = await natsConnectionOptions(config);
  try {
    return await connect({ ...options, reconnect: false, timeout: 5_000 });
  } catch (cause) {
    const servers = config.nats.servers.join(', ');
    throw new CommandError(`cannot reach NATS at ${servers}: is it running, is the address right?`, 1, {
      cause,
    });
  }
}

function limitsOf({ maxBytes, maxAge, replicas, storage }: SetupOptions): Partial<StreamSettings> {
  return {
    ...(maxBytes === undefined ? {} : { maxBytes }),
    ...(maxAge === undefined ? {} : { maxAgeMs: maxAge * 3_600_000 }),
    ...(replicas === undefined ? {} : { replicas }),
    ...(storage === undefined ? {} : { storage }),
  };
}

function describe(name: string, { action, changes }: Awaited<ReturnType<typeof setupStream>>): string {
  if (action === 'updated') return `stream ${name} updated: ${changes.join('; ')}`;
  return action === 'created' ? `stream ${name} created` : `stream ${name} is as it should be`;
}

function wholeNumber(least: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (text.trim() === '' || !Number.isInteger(value) || value < least)
      throw new InvalidArgumentError(`a whole number from ${least} is expected`);
    return value;
  };
}
