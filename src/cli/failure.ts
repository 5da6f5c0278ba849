// How a command ends other than well: the exit codes, and what a person reads of an error.
import { CommanderError } from 'commander';
import { isSystemError, reasonOf } from '../system-error.ts';

/** 0 well · 1 the thing looked at is wrong · 2 the command line is wrong · 3 the tool itself failed */
export type ExitCode = 0 | 1 | 2 | 3;

/** An error whose message is all that a person needs. */
export class CommandError extends Error {
  readonly exitCode: ExitCode;

  constructor(message: string, exitCode: ExitCode, options?: ErrorOptions) {
    super(message, options);
    this.name = 'CommandError';
    this.exitCode = exitCode;
  }
}

export function exitCodeOf(error: unknown): number {
  if (error instanceof CommanderError)
    return error.exitCode === 0 ? 0 : error.exitCode === 1 ? 2 : error.exitCode;
  if (error instanceof Error && 'exitCode' in error && typeof error.exitCode === 'number')
    return error.exitCode;
  return 3;
}

/**
 * The message with those of its causes, each once; the stacks only where they were asked for. What the system said is told
 * of a CommandError alone: Picket's other errors have put it in their own words.
 */
export function describeError(error: unknown, isVerbose: boolean): string {
  if (!(error instanceof Error)) return String(error);
  if (isVerbose) return stackOf(error);
  const messages: string[] = [];
  let outer: Error | undefined;
  for (let current: unknown = error; current instanceof Error; current = current.cause) {
    const message =
      outer !== undefined && isSystemError(current) ? reasonFor(outer, current) : current.message;
    outer = current;
    if (message !== '' && !messages.some((earlier) => earlier.includes(message))) messages.push(message);
  }
  return messages.length === 0 ? error.name : messages.join(': ');
}

function reasonFor(outer: Error, error: Error): string {
  return outer instanceof CommandError ? reasonOf(error) : '';
}

function stackOf(error: Error): string {
  const own = error.stack ?? `${error.name}: ${error.message}`;
  return error.cause instanceof Error ? `${own}\ncaused by ${stackOf(error.cause)}` : own;
}
