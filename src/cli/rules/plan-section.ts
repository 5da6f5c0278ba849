// The parts that the text of a plan is made of: sections of lines, names and tables, each of bounded length.
import { displayText } from '../../events/text.ts';
import { type Column, formatCount, formatTable } from '../output.ts';

/** More are counted; `--json` has them all. */
const NAMES_SHOWN = 5;

export interface Section {
  readonly heading: string;
  readonly lines: readonly string[];
}

export function section(heading: string, lines: readonly string[]): Section | undefined {
  return lines.length === 0 ? undefined : { heading, lines };
}

export function shortNames(names: readonly string[], shown = NAMES_SHOWN): string {
  const more = names.length - shown;
  const list = names.slice(0, shown).map(displayText).join(', ');
  return more > 0 ? `${list} and ${formatCount(more)} more` : list;
}

export function table(rows: readonly (readonly string[])[]): string[] {
  const columns: Column[] = (rows[0] ?? []).map(() => ({ title: '' }));
  return formatTable(columns, rows).split('\n').slice(1);
}

export function firstOf(lines: readonly string[], shown: number): string[] {
  const more = lines.length - shown;
  return more > 0 ? [...lines.slice(0, shown), `  and ${formatCount(more)} more`] : [...lines];
}
