// No link of a page leads nowhere: what it names is there, and so is the heading that it points at.
import { existsSync, globSync, readFileSync, statSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { describe, expect, test } from 'vitest';

const ROOT = resolve(import.meta.dirname, '../..');
const pages = globSync('**/*.md', {
  cwd: ROOT,
  exclude: (name) => name === 'node_modules' || name.startsWith('.'),
});

const FENCED = /^```[^\n]*\n[\s\S]*?^```/gm;
const LINK = /\[(?:[^\][]|\[[^\][]*\])*\]\(([^()\s]+)\)/g;

interface Link {
  readonly line: number;
  readonly target: string;
}

/** What lies in code is left out: blocks line by line, so that numbers of lines stay. */
function linksOf(text: string): readonly Link[] {
  const prose = text.replace(FENCED, (block) => block.replace(/[^\n]/g, '')).replace(/`[^`\n]*`/g, '``');
  return [...prose.matchAll(LINK)].map(({ 1: target = '', index }) => ({
    line: prose.slice(0, index).split('\n').length,
    target,
  }));
}

/** As GitHub names headings: letters, digits, hyphens and underscores; a repeated one gets a number. */
function anchorsOf(text: string): ReadonlySet<string> {
  const seen = new Map<string, number>();
  const anchors = new Set<string>();
  for (const [, title = ''] of text.replace(FENCED, '').matchAll(/^#{1,6} +(.+)$/gm)) {
    const words = title.replace(/\[([^\]]*)\]\([^)]*\)/g, '$1').replace(/`/g, '');
    const anchor = words
      .trim()
      .toLowerCase()
      .replace(/[^\p{L}\p{N}_ -]/gu, '')
      .replaceAll(' ', '-');
    const count = seen.get(anchor) ?? 0;
    seen.set(anchor, count + 1);
    anchors.add(count === 0 ? anchor : `${anchor}-${count}`);
  }
  return anchors;
}

/** undefined: it leads somewhere, or out of the tree. */
function faultOf(page: string, text: string, target: string): string | undefined {
  if (/^[a-z][a-z+.-]*:/i.test(target)) return undefined;
  const [path = '', anchor] = target.split('#');
  const file = path === '' ? join(ROOT, page) : join(ROOT, dirname(page), decodeURIComponent(path));
  if (relative(ROOT, file).startsWith('..')) return 'is outside of the tree';
  if (!existsSync(file)) return 'there is no such file';
  if (anchor === undefined) return undefined;
  if (statSync(file).isDirectory() || !file.endsWith('.md')) return 'only pages have headings';
  const anchors = anchorsOf(path === '' ? text : readFileSync(file, 'utf8'));
  return anchors.has(anchor) ? undefined : 'the page has no such heading';
}

describe('links', () => {
  test('are found outside of code, and dead ones are told', () => {
    const text =
      '# A `b` c!\n\n[x](nope.md) `[y](z.md)`\n\n```\n[k](l.md)\n```\n[u](#a-b-c) [v](#no) [w](https://x/y)\n';
    expect(linksOf(text)).toEqual([
      { line: 3, target: 'nope.md' },
      { line: 8, target: '#a-b-c' },
      { line: 8, target: '#no' },
      { line: 8, target: 'https://x/y' },
    ]);
    expect(linksOf(text).map(({ target }) => faultOf('README.md', text, target))).toEqual([
      'there is no such file',
      undefined,
      'the page has no such heading',
      undefined,
    ]);
  });

  test('of all pages lead somewhere', () => {
    expect(pages.length).toBeGreaterThan(50);
    const dead = pages.flatMap((page) => {
      const text = readFileSync(join(ROOT, page), 'utf8');
      return linksOf(text).flatMap(({ line, target }) => {
        const fault = faultOf(page, text, target);
        return fault === undefined ? [] : [`${page}:${line}: ${target}: ${fault}`];
      });
    });
    expect(dead).toEqual([]);
  });
});
