// Does a stream hold the subject that the agent publishes to?
import { jetstreamManager } from '@nats-io/jetstream';
import { formatBytes, formatCount } from '../cli/output.ts';
import { type Check, not, ok } from './check.ts';

export const checkStream: Check = async (context) => {
  const connection = await context.nats();
  if (connection instanceof Error || connection.info?.jetstream !== true) return [];
  try {
    const manager = await jetstreamManager(connection);
    const name = await manager.streams.find(context.eventsSubject);
    const { config, state } = await manager.streams.info(name);
    return ok(
      'stream',
      `${name} holds ${config.subjects?.join(', ')}: ${formatCount(state.messages)} messages, ${formatBytes(state.bytes)}`,
    );
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    return not(
      'fail',
      'stream',
      `no stream holds ${context.eventsSubject} (${reason})`,
      'picket stream setup',
    );
  }
};
