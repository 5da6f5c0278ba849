// Mends rule files in place, and says what was done.
import { displayText } from '../../events/text.ts';
import { fixRules } from '../../rules/fix/fix-rules.ts';
import { findRules } from '../../rules/load.ts';
import { formatPlace } from '../../rules/rule-problem.ts';
import { counted, painterFor, say, writeOut } from '../output.ts';
import { writeFileOrFail } from '../write-file.ts';
import { lineDiff } from './line-diff.ts';

export interface FixOptions {
  readonly dryRun?: boolean;
}

export async function fixFiles(paths: readonly string[], options: FixOptions): Promise<void> {
  const found = await findRules(paths);
  const { texts, fixed } = fixRules(found);
  const paint = painterFor(process.stderr);
  const changed = texts.filter(({ text }, index) => text !== found.texts[index]?.text);
  for (const { file, text } of changed) {
    if (options.dryRun) {
      const before = found.texts.find((one) => one.file === file)?.text ?? '';
      await writeOut(lineDiff(file, before, text));
    } else await writeFileOrFail(file, text);
  }
  for (const problem of fixed) {
    const what = `${problem.code}: ${displayText(problem.message)}`;
    say(`${paint('bold', formatPlace(problem))}: ${options.dryRun ? 'would be mended' : 'mended'}: ${what}`);
  }
  const summary = `${counted(fixed.length, 'finding')} ${options.dryRun ? 'would be mended' : 'mended'} in ${counted(changed.length, 'file')}`;
  say(paint(fixed.length > 0 ? 'green' : 'dim', fixed.length > 0 ? summary : 'nothing to mend by itself'));
}
