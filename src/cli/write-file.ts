// Files that a command writes. One that can't be written is a failure of the tool, said in words.
import { writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
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
  const { code = '', message } = error as NodeJS.ErrnoException;
  const reasons: Readonly<Record<string, string>> = {
    ENOENT: `there is no folder ${dirname(file)}`,
    ENOTDIR: `${dirname(file)} is no folder`,
    EISDIR: 'it is a folder',
    EACCES: 'permission denied',
    EPERM: 'permission denied',
    EROFS: 'the filesystem is read-only',
    ENOSPC: 'no space is left',
  };
  return new CommandError(`${file} can't be written: ${reasons[code] ?? message}`, 3);
}
