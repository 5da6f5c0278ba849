// Coverage as lcov's tracefile, which editors and CI draw: each condition is a branch with two ways.
import type { CoverageReport, CoveredLeaf } from '../../rules/test-coverage.ts';

export function lcovReport({ leaves }: CoverageReport): string {
  const files = Map.groupBy(leaves, ({ file }) => file);
  return [...files].map(([file, ofFile]) => record(file, ofFile)).join('');
}

function record(file: string, leaves: readonly CoveredLeaf[]): string {
  const lines = new Map<number, number>();
  const branches: string[] = [];
  let hit = 0;
  for (const [block, { line, whenTrue, whenFalse }] of leaves.entries()) {
    const seen = whenTrue + whenFalse;
    lines.set(line, (lines.get(line) ?? 0) + seen);
    for (const [branch, count] of [whenTrue, whenFalse].entries()) {
      branches.push(`BRDA:${line},${block},${branch},${seen === 0 ? '-' : count}`);
      if (count > 0) hit++;
    }
  }
  const counts = [...lines].sort(([a], [b]) => a - b);
  return [
    'TN:',
    `SF:${file}`,
    ...branches,
    `BRF:${branches.length}`,
    `BRH:${hit}`,
    ...counts.map(([line, count]) => `DA:${line},${count}`),
    `LF:${counts.length}`,
    `LH:${counts.filter(([, count]) => count > 0).length}`,
    'end_of_record',
    '',
  ].join('\n');
}
