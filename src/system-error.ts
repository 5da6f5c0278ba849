// Why the system refused something, in words for a person: neither codes nor names of system calls.
import { getSystemErrorMessage } from 'node:util';

const WORDS: Readonly<Record<string, string>> = {
  ENOENT: 'it does not exist',
  ENOTDIR: 'a part of the path is no folder',
  EEXIST: 'there is a file in its place',
  EISDIR: 'it is a folder',
  ELOOP: 'its links go round in a circle',
  ENOTFOUND: 'no host has that name',
  EAI_AGAIN: 'no name server answers',
};

/** The error's own message where it is none of the system's. */
export function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return isSystemError(error) ? (WORDS[error.code] ?? getSystemErrorMessage(error.errno)) : error.message;
}

export function isSystemError(
  error: Error,
): error is Error & { readonly code: string; readonly errno: number } {
  return (
    error instanceof Error &&
    'syscall' in error &&
    'errno' in error &&
    typeof error.errno === 'number' &&
    'code' in error
  );
}
