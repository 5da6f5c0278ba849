// Files that a command writes. One that can't be written is a failure of the tool, said in words.
import { writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { reasonOf } from '../system-error.ts';
import { CommandError } from './failure.ts';

/** Throws CommandError with exit code 3. */
export async function writeFileOrFail(file: string, text: string): Promise<void> {
  try {
    await writeFile(file, text);
  } catch (error) {
    throw notWritten(file, error);
  }
}

/** Why a file can't be written, as an error that a person reads. */
export function notWritten(file: string, error: unknown): CommandError {
  const isFolderMissing = (error as NodeJS.ErrnoException).code === 'ENOENT';
  const reason = isFolderMissing ? `there is no folder ${dirname(file)}` : reasonOf(error);
  return new CommandError(`${file} can't be written: ${reason}`, 3);
}
