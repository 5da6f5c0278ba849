// docs/rule-findings: a page for each code that can be reported, whose bad example has the finding and whose good one
// has not.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { findIn } from '../../src/rules/check/check.ts';
import { applyIgnores } from '../../src/rules/check/ignores.ts';
import { FINDING_CODES, FINDING_KINDS, type FindingCode } from '../../src/rules/finding-codes.ts';
import { explainFinding } from '../../src/rules/finding-pages.ts';
import { fixRules } from '../../src/rules/fix/fix-rules.ts';
import { findRules, parseFound, parseRules } from '../../src/rules/load.ts';
import type { RuleProblem } from '../../src/rules/rule-problem.ts';

const LIST = fileURLToPath(new URL('../../docs/rule-findings/README.md', import.meta.url));
const FOLDER = fileURLToPath(new URL('../../docs/rule-findings', import.meta.url));
/** A mistake in Picket itself: no example of rules has it. */
const WITHOUT_EXAMPLE: readonly FindingCode[] = ['internal-error'];

const NOT_FIXED = '\n- `--fix`: does nothing about it\n';

interface Example {
  readonly language: string;
  readonly texts: readonly string[];
}

function exampleOf(code: FindingCode, heading: 'Bad' | 'Good'): Example {
  const section =
    explainFinding(code)
      .split(/^## /m)
      .find((part) => part.startsWith(`${heading}\n`)) ?? '';
  const fences = [...section.matchAll(/^```(\w+)\n([\s\S]*?)^```$/gm)];
  return { language: fences[0]?.[1] ?? '', texts: fences.map((fence) => fence[2] ?? '') };
}

type Finding = Pick<RuleProblem, 'code' | 'severity' | 'message'>;

async function findingsOf({ language, texts }: Example): Promise<readonly Finding[]> {
  if (language === 'sh') return (await Promise.all(texts.map(runShell))).flat();
  const files = texts.map((text, index) => ({ file: `example-${index}.${language}`, text }));
  const loaded = parseRules(files);
  return applyIgnores([...loaded.problems, ...findIn(loaded)], files, true);
}

/** What the shell leaves behind, and the paths that picket is asked about. */
async function runShell(script: string): Promise<readonly Finding[]> {
  const folder = mkdtempSync(join(tmpdir(), 'picket-page-'));
  try {
    const picket = 'picket() { test "$1 $2" = "rules check" && printf %s "$3"; }\n';
    const { stdout } = spawnSync('sh', ['-c', picket + script], { cwd: folder, encoding: 'utf8' });
    expect(stdout).not.toBe('');
    const found = await findRules([join(folder, stdout)]);
    const loaded = parseFound(found);
    return [...loaded.problems, ...findIn(loaded)];
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

test('there is a page for each code, and none for another', () => {
  const pages = readdirSync(FOLDER).filter((name) => name !== 'README.md');
  expect(pages.sort()).toEqual(FINDING_CODES.map((code) => `${code}.md`).sort());
});

test('the list of pages names each with its severity and title', () => {
  const page = readFileSync(LIST, 'utf8');
  const written = page.replace(/^\| code \|[\s\S]*$/m, tableOfPages());
  if (process.env.PICKET_UPDATE_DOCS === '1') writeFileSync(LIST, written);
  expect(page, 'run this test with PICKET_UPDATE_DOCS=1').toBe(written);
});

function tableOfPages(): string {
  const rows = [...FINDING_CODES].sort().map((code) => {
    const { severity, title } = FINDING_KINDS[code];
    const isFixed = !explainFinding(code).includes(NOT_FIXED);
    return `| [\`${code}\`](${code}.md) | ${severity} | ${title} | ${isFixed ? 'yes' : ''} |\n`;
  });
  return `| code | severity | what it says | \`--fix\` |\n| --- | --- | --- | --- |\n${rows.join('')}`;
}

describe.each(FINDING_CODES)('the page on %s', (code) => {
  test('says what it is, how severe, and when to ignore it', () => {
    const page = explainFinding(code);
    expect(page.startsWith(`# ${code}\n\n${FINDING_KINDS[code].title}.\n`)).toBe(true);
    expect(page).toContain(`- Severity: ${FINDING_KINDS[code].severity}`);
    expect(page).toContain('\n## When to ignore it\n');
  });

  test('says what --fix does', () => {
    const { language, texts } = exampleOf(code, 'Bad');
    const fixes = !explainFinding(code).includes(NOT_FIXED);
    if (language === 'sh' || language === '') return expect(fixes).toBe(false);
    const files = texts.map((text, index) => ({ file: `example-${index}.${language}`, text }));
    const { fixed } = fixRules({ texts: files, files: [], problems: [] });
    expect(fixed.some((problem) => problem.code === code)).toBe(fixes);
  });

  if (WITHOUT_EXAMPLE.includes(code)) return;
  test('has a bad example with the finding and a good one without', async () => {
    const bad = await findingsOf(exampleOf(code, 'Bad'));
    expect(bad.map((finding) => finding.code)).toContain(code);
    expect(bad.filter((finding) => finding.code === code).map(({ severity }) => severity)).toContain(
      FINDING_KINDS[code].severity,
    );
    const good = exampleOf(code, 'Good');
    expect(good.texts.join('')).not.toBe('');
    const wrong = (await findingsOf(good)).filter(
      ({ severity, ...finding }) => finding.code === code || severity === 'error',
    );
    expect(wrong).toEqual([]);
  });
});
