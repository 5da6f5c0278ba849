// `# picket-ignore CODE: reason` in a rule file: the finding is known there and meant. It covers its own line, or,
// alone on a line, the next one and whatever is indented below it: before `- name:` that is the whole rule.

import { CST, Lexer } from 'yaml';
import { FINDING_CODES, FINDING_KINDS, type FindingCode, isFindingCode } from '../finding-codes.ts';
import { didYouMean, nearestName } from '../nearest.ts';
import { describeValue, type RuleProblem } from '../rule-problem.ts';
import type { RuleText } from '../rule-text.ts';
import { warning } from './finding.ts';

const MARK = 'picket-ignore';

interface Ignore {
  readonly code: FindingCode;
  readonly line: number;
  readonly column: number;
  readonly from: number;
  readonly to: number;
  isUsed: boolean;
}

/**
 * The findings that no comment ignores, and what is wrong with the comments.
 * @param seesAll false: only a part of the findings is here, so that a comment without one may still be needed
 */
export function applyIgnores(
  findings: readonly RuleProblem[],
  texts: readonly RuleText[],
  seesAll: boolean,
): readonly RuleProblem[] {
  const ofFile = new Map<string, readonly Ignore[]>();
  const problems: RuleProblem[] = [];
  for (const { file, text, isList } of texts) {
    // JSON has no comments.
    if (isList || !text.includes(MARK) || file.endsWith('.json')) continue;
    const { ignores, problems: found } = readIgnores(file, text);
    ofFile.set(file, ignores);
    problems.push(...found);
  }
  const left = findings.filter((finding) => {
    if (finding.severity === 'error') return true;
    const { file, code, line } = finding;
    const ignore = ofFile.get(file)?.find((one) => one.code === code && one.from <= line && line <= one.to);
    if (ignore !== undefined) ignore.isUsed = true;
    return ignore === undefined;
  });
  if (!seesAll) return [...left, ...problems];
  const unused = [...ofFile].flatMap(([file, ignores]) =>
    ignores
      .filter(({ isUsed }) => !isUsed)
      .map(({ code, line, column }) => {
        const message = `nothing here is \`${code}\`; the comment can go`;
        return warning({ file, line, column }, 'unused-ignore', message);
      }),
  );
  return [...left, ...problems, ...unused];
}

function readIgnores(
  file: string,
  text: string,
): { ignores: readonly Ignore[]; problems: readonly RuleProblem[] } {
  const lines = text.split('\n');
  const ignores: Ignore[] = [];
  const problems: RuleProblem[] = [];
  for (const { comment, line, column } of commentsOf(text)) {
    const body = /^#\s*picket-ignore\b(.*)$/s.exec(comment)?.[1];
    if (body === undefined) continue;
    const place = { file, line, column };
    const wrong = (message: string, found: string, expected: string): void =>
      void problems.push({ ...warning(place, 'wrong-ignore', message, expected), found });
    const [names = '', reason = ''] = splitAt(body, ':');
    const codes = names.split(/[\s,]+/).filter((name) => name !== '');
    if (codes.length === 0) {
      wrong('this comment names no finding to ignore', comment, `\`# ${MARK} no-tests: why\``);
      continue;
    }
    if (reason.trim() === '') {
      wrong('a finding is ignored for a reason', comment, `\`# ${MARK} ${codes.join(', ')}: why\``);
      continue;
    }
    const isAlone = (lines[line - 1] ?? '').slice(0, column - 1).trim() === '';
    const [from, to] = isAlone ? blockAfter(lines, line) : [line, line];
    for (const code of codes) {
      if (!isFindingCode(code)) {
        const meant = nearestName(code, FINDING_CODES);
        const hint = didYouMean(meant);
        wrong(
          `no finding has the code \`${code}\`${hint}`,
          describeValue(code),
          'a code, as in warning[code]',
        );
      } else if (FINDING_KINDS[code].severity === 'error') {
        wrong(
          `\`${code}\` is an error: such a rule does not load`,
          describeValue(code),
          'a warning or a note',
        );
      } else ignores.push({ code, line, column, from, to, isUsed: false });
    }
  }
  return { ignores, problems };
}

interface Comment {
  readonly comment: string;
  readonly line: number;
  readonly column: number;
}

/** By YAML's own lexer: a `#` inside a text is none. */
function commentsOf(text: string): Comment[] {
  const comments: Comment[] = [];
  let line = 1;
  let lineStart = 0;
  let offset = 0;
  let before = '';
  for (const token of new Lexer().lex(text)) {
    const isText = before === CST.SCALAR;
    before = token;
    // Marks stand for nothing in the text.
    if (token === CST.DOCUMENT || token === CST.SCALAR || token === CST.FLOW_END) continue;
    if (token.startsWith('#') && !isText)
      comments.push({ comment: token, line, column: offset - lineStart + 1 });
    for (let at = token.indexOf('\n'); at !== -1; at = token.indexOf('\n', at + 1)) {
      line++;
      lineStart = offset + at + 1;
    }
    offset += token.length;
  }
  return comments;
}

/** The lines that a comment alone on its line speaks of. */
function blockAfter(lines: readonly string[], line: number): readonly [from: number, to: number] {
  const isOfNoWeight = (text: string): boolean => /^\s*(?:#|\r?$)/.test(text);
  let first = line;
  while (first < lines.length && isOfNoWeight(lines[first] ?? '')) first++;
  const depth = indentOf(lines[first] ?? '');
  let last = first;
  for (let i = first + 1; i < lines.length; i++) {
    const text = lines[i] ?? '';
    if (isOfNoWeight(text)) continue;
    if (indentOf(text) <= depth) break;
    last = i;
  }
  return [first + 1, last + 1];
}

const indentOf = (text: string): number => text.length - text.trimStart().length;

function splitAt(text: string, mark: string): readonly [string, string] {
  const at = text.indexOf(mark);
  return at === -1 ? [text, ''] : [text.slice(0, at), text.slice(at + 1)];
}
