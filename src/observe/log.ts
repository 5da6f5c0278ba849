// The log: JSON lines on stderr, written by another turn than the one that logs. A reader that does not read costs log
// lines, never a verdict or an event: what does not fit is dropped and counted.
import { type DestinationStream, type LogFn, type Logger, pino, stdSerializers } from 'pino';
import type { Config } from '../config/schema.ts';
import { RateLimit } from './rate-limit.ts';

type LogLevel = Config['log']['level'];

export interface Log {
  readonly logger: Logger;
  /** Lines that the reader of stderr was too slow for. */
  readonly droppedLines: () => number;
  /** Writes what is left, for at most so long. */
  flush(boundMs: number): Promise<void>;
}

const STDERR = 2;
/** What waits for a slow reader, in bytes. */
const MAX_BUFFER_BYTES = 1024 * 1024;
/** Lines of one kind in an interval; then only their number. */
const BURST = 10;
const INTERVAL_MS = 10_000;

export function openLog(level: LogLevel): Log {
  const destination = pino.destination({ dest: STDERR, sync: false, maxLength: MAX_BUFFER_BYTES });
  let dropped = 0;
  destination.on('drop', () => {
    dropped++;
  });
  // A broken stderr ends the log, not the agent.
  destination.on('error', () => undefined);
  return {
    logger: createLogger(level, destination),
    droppedLines: () => dropped,
    flush: (boundMs) =>
      new Promise((resolve) => {
        const timer = setTimeout(resolve, boundMs);
        destination.flush(() => {
          clearTimeout(timer);
          resolve();
        });
      }),
  };
}

export function createLogger(level: LogLevel, destination: DestinationStream, now = Date.now): Logger {
  const limit = new RateLimit(BURST, INTERVAL_MS, now);
  return pino(
    {
      level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      serializers: { err: stdSerializers.err },
      formatters: { level: (label) => ({ level: label }) },
      hooks: {
        logMethod(args: Parameters<LogFn>, method: LogFn, levelNumber: number) {
          const message = args.find((arg) => typeof arg === 'string') ?? '';
          const { isAllowed, held } = limit.check(`${levelNumber} ${message}`);
          if (!isAllowed) return;
          if (held > 0)
            method.call(this, { held }, `${held} more of these were held back in the last interval:`);
          method.apply(this, args);
        },
      },
    },
    destination,
  );
}
