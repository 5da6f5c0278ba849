import { readFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { parseMapping } from '../../../src/rules/sigma/field-mapping.ts';
import { defaultMapping, importTexts, loaded, sigma } from './imported.ts';

test('the mapping in docs/sigma.md is one, and works', async () => {
  const text = await readFile(new URL('../../../docs/sigma.md', import.meta.url), 'utf8');
  const [, example = ''] = /```yaml\n(sources:[\s\S]*?)```/.exec(text) ?? [];
  const problems: unknown[] = [];
  const mapping = [
    ...parseMapping('docs', example, (problem) => problems.push(problem)),
    ...(await defaultMapping()),
  ];
  expect(problems).toEqual([]);
  const result = await importTexts(
    [
      sigma('product: acme, service: agent', 's:\n  unit: a*\n  outcome: OK\n  level: info\ncondition: s'),
      sigma(
        'product: linux, category: process_creation',
        's:\n  EffectiveUser: a\n  FirstArgument: b\ncondition: s',
      ),
    ],
    { mapping },
  );
  expect(result.report.counts).toMatchObject({ exact: 2, refused: 0 });
  expect(loaded(result).rules).toHaveLength(2);
});
