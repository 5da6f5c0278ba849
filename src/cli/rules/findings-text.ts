// Findings as a person reads them: the place, what is wrong, the line with the word in question marked, and what was
// found and expected.
import { displayText } from '../../events/text.ts';
import { spanOf } from '../../rules/finding-span.ts';
import { formatPlace, type RuleProblem } from '../../rules/rule-problem.ts';
import type { Paint, Painter } from '../output.ts';

const EXCERPT_MAX = 100;
const COLOURS = { error: 'red', warning: 'yellow', note: 'cyan' } as const satisfies Record<
  RuleProblem['severity'],
  Paint
>;

/** @param lines of the finding's file, for the one that it points at; undefined: they are not at hand */
export function paintFinding(
  finding: RuleProblem<string>,
  paint: Painter,
  lines?: readonly string[] | undefined,
): string {
  const { severity, code, message, found, expected } = finding;
  const label = paint(['bold', COLOURS[severity]], `${severity}[${code}]`);
  const place = finding.file === '' ? '' : `${paint('bold', formatPlace(finding))}: `;
  const parts = [`${place}${label}: ${displayText(message)}`];
  const excerpt = excerptOf(finding, lines);
  if (excerpt !== undefined) {
    const gutter = ' '.repeat(excerpt.number.length);
    parts.push(
      `  ${paint('dim', `${excerpt.number} |`)} ${excerpt.line}`,
      `  ${paint('dim', `${gutter} |`)} ${excerpt.indent}${paint(['bold', COLOURS[severity]], excerpt.marks)}`,
    );
  }
  if (found !== undefined) parts.push(`    found:    ${displayText(found)}`);
  if (expected !== undefined) parts.push(`    expected: ${displayText(expected)}`);
  return parts.join('\n');
}

interface Excerpt {
  readonly number: string;
  readonly line: string;
  readonly indent: string;
  readonly marks: string;
}

function excerptOf(finding: RuleProblem<string>, lines: readonly string[] | undefined): Excerpt | undefined {
  const line = lines?.[finding.line - 1]?.replace(/\r$/, '');
  if (line === undefined || line.trim() === '' || finding.column > line.length + 1) return undefined;
  const { from, to } = spanOf(finding, line);
  const shown = (text: string): string => displayText(text.replaceAll('\t', ' '));
  const [before, marked, after] = [
    line.slice(0, from - 1),
    line.slice(from - 1, to - 1),
    line.slice(to - 1),
  ].map((part) => shown(part)) as [string, string, string];
  // A long line is cut so that the mark is in it, with more of what stands before.
  const room = Math.max(0, EXCERPT_MAX - marked.length);
  const left =
    before.length + after.length <= room ? before.length : Math.max(room >> 1, room - after.length);
  const head = before.length <= left ? before.trimStart() : `…${before.slice(before.length - left + 1)}`;
  const right = Math.max(0, room - head.length);
  const tail = after.length <= right ? after : `${after.slice(0, Math.max(0, right - 1))}…`;
  return {
    number: String(finding.line),
    line: `${head}${marked}${tail}`,
    indent: ' '.repeat(head.length),
    marks: '^'.repeat(Math.max(1, marked.length)),
  };
}
