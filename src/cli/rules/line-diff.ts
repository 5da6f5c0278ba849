// The difference of two texts as a unified diff, by lines.

const CONTEXT = 3;

interface Step {
  readonly kind: ' ' | '-' | '+';
  readonly line: string;
}

/** Empty where both are the same. */
export function lineDiff(file: string, before: string, after: string): string {
  if (before === after) return '';
  const steps = stepsOf(linesOf(before), linesOf(after));
  const lines = [`--- ${file}`, `+++ ${file}`];
  let [oldLine, newLine] = [1, 1];
  for (let i = 0; i < steps.length; ) {
    if (steps[i]?.kind === ' ') {
      i++;
      oldLine++;
      newLine++;
      continue;
    }
    const from = Math.max(0, i - CONTEXT);
    let end = i;
    // Changes that are near each other share a hunk.
    for (let same = 0; end < steps.length && same <= 2 * CONTEXT; end++) {
      same = steps[end]?.kind === ' ' ? same + 1 : 0;
    }
    while (end > i && steps[end - 1]?.kind === ' ') end--;
    const hunk = steps.slice(from, Math.min(steps.length, end + CONTEXT));
    const shift = i - from;
    const oldCount = hunk.filter(({ kind }) => kind !== '+').length;
    const newCount = hunk.filter(({ kind }) => kind !== '-').length;
    lines.push(`@@ -${oldLine - shift},${oldCount} +${newLine - shift},${newCount} @@`);
    lines.push(...hunk.map(({ kind, line }) => kind + line));
    for (const { kind } of steps.slice(i, end)) {
      if (kind !== '+') oldLine++;
      if (kind !== '-') newLine++;
    }
    i = end;
  }
  return `${lines.join('\n')}\n`;
}

/** As patch(1) counts them: the end of the last line is no line. */
function linesOf(text: string): string[] {
  const lines = text.split('\n');
  const last = lines.pop();
  return last ? [...lines, `${last}\n\\ No newline at end of file`] : lines;
}

/** What is the same at the beginning and the end is set aside; between, the longest common sequence. */
function stepsOf(before: readonly string[], after: readonly string[]): Step[] {
  let start = 0;
  while (start < before.length && start < after.length && before[start] === after[start]) start++;
  let [a, b] = [before.length, after.length];
  while (a > start && b > start && before[a - 1] === after[b - 1]) {
    a--;
    b--;
  }
  const same = (lines: readonly string[]): Step[] => lines.map((line) => ({ kind: ' ', line }));
  return [
    ...same(before.slice(0, start)),
    ...changes(before.slice(start, a), after.slice(start, b)),
    ...same(before.slice(a)),
  ];
}

// A table of all pairs; larger texts are shown as taken out and put in.
const PAIRS_MAX = 4_000_000;

function changes(before: readonly string[], after: readonly string[]): Step[] {
  const removed = before.map((line): Step => ({ kind: '-', line }));
  const added = after.map((line): Step => ({ kind: '+', line }));
  if (before.length * after.length > PAIRS_MAX) return [...removed, ...added];
  const width = after.length + 1;
  const lengths = new Uint32Array((before.length + 1) * width);
  const at = (i: number, j: number): number => lengths[i * width + j] ?? 0;
  for (let i = before.length - 1; i >= 0; i--) {
    for (let j = after.length - 1; j >= 0; j--) {
      lengths[i * width + j] =
        before[i] === after[j] ? at(i + 1, j + 1) + 1 : Math.max(at(i + 1, j), at(i, j + 1));
    }
  }
  const steps: Step[] = [];
  let [i, j] = [0, 0];
  while (i < before.length || j < after.length) {
    const [old, fresh] = [removed[i], added[j]];
    if (old !== undefined && fresh !== undefined && old.line === fresh.line) {
      steps.push({ kind: ' ', line: old.line });
      i++;
      j++;
    } else if (old !== undefined && (fresh === undefined || at(i + 1, j) >= at(i, j + 1))) {
      steps.push(old);
      i++;
    } else if (fresh !== undefined) {
      steps.push(fresh);
      j++;
    }
  }
  return steps;
}
