// Puts an exception into a file of exceptions, if the rules load with it.
import { readFile, rename, writeFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { ExceptionFileError, type WrittenException, withException } from '../../rules/exception-text.ts';
import { findRules, parseFound, requireRuleSet } from '../../rules/load.ts';
import { RuleFileError } from '../../rules/rule-problem.ts';
import { CommandError } from '../failure.ts';
import { say } from '../output.ts';
import { notWritten } from '../write-file.ts';

/** @param paths the rules with which it is loaded */
export async function appendException(
  file: string,
  exception: WrittenException,
  paths: readonly string[],
): Promise<void> {
  const before = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return '';
    throw new CommandError(`${file} can't be read: ${error.message}`, 1, { cause: error });
  });
  let text: string;
  try {
    text = withException(before, exception);
  } catch (error) {
    if (!(error instanceof ExceptionFileError)) throw error;
    throw new CommandError(`${file} can't take it: ${error.message}`, 1, { cause: error });
  }
  const found = await findRules(paths);
  const isOut = (one: string): boolean => resolve(one) === resolve(file);
  const others = found.texts.filter((one) => !isOut(one.file));
  try {
    requireRuleSet(parseFound({ ...found, texts: [...others, { file, text }] }));
  } catch (error) {
    if (!(error instanceof RuleFileError)) throw error;
    throw new CommandError(`with it the rules would not load:\n${error.message}`, 1, { cause: error });
  }
  try {
    await writeFile(`${file}.new`, text);
    await rename(`${file}.new`, file);
  } catch (error) {
    throw notWritten(file, error);
  }
  say(`${file}: the exception ${exception.name} of ${exception.rule} is in it now`);
  const isLoaded = paths.some((path) => isOut(path) || resolve(file).startsWith(`${resolve(path)}/`));
  if (!isLoaded) say(`it is not in ${paths.join(', ')}: name it, or its folder, beside them (rules.paths)`);
}
