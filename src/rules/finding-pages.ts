// The page that explains a finding: what it means, a bad and a good example, when to ignore it.

import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { FindingCode } from './finding-codes.ts';

export function pageOf(code: FindingCode): string {
  return fileURLToPath(new URL(`../../docs/rule-findings/${code}.md`, import.meta.url));
}

export function explainFinding(code: FindingCode): string {
  return readFileSync(pageOf(code), 'utf8');
}

/** What the page says before its first example, behind its title and its list: what the finding means, on one line. */
export function meaningOf(code: FindingCode): string {
  const [head = ''] = explainFinding(code).split('\n## ');
  const [, , ...paragraphs] = head.split(/\n{2,}/);
  return paragraphs
    .filter((paragraph) => !paragraph.startsWith('- '))
    .map((paragraph) => paragraph.trim().replaceAll('\n', ' '))
    .join(' ');
}
