// Each way of the table is gone: to a file that the bridge denies by itself, to one that only the agent denies, to one
// below a denied folder; by root and by others; to open it and to run it. The same way leads to a neighbour that no rule
// denies, and to one that is not guarded, or the way itself could be what failed.
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Cleanup } from '../harness/cleanup.ts';
import { denyPath, type Guarded, makeGuarded } from './guarded.ts';
import { intrude } from './intruder.ts';
import { type Attempt, type Way, type Who, ways } from './ways.ts';

const EVERYBODY: readonly Who[] = ['root', 'user', 'namespaced'];
const WHICH = ['byBridge', 'byAgent', 'byFolder', 'neighbour', 'unguarded'] as const;
type Which = (typeof WHICH)[number];
const GUARDED = WHICH.filter((which) => which !== 'unguarded');
const DENIED: ReadonlySet<Which> = new Set(['byBridge', 'byAgent', 'byFolder'] as const);

describe.each(['tmpfs', 'ext4'] as const)('on %s', (type) => {
  const cleanup = new Cleanup();
  let guarded: Guarded;
  let files: Record<Which, string>;

  beforeAll(async () => {
    guarded = makeGuarded(cleanup, type);
    const folder = guarded.openFolder('folder');
    files = {
      byBridge: join(folder, 'by-bridge'),
      byAgent: join(folder, 'by-agent'),
      byFolder: join(guarded.openFolder('closed'), 'file'),
      neighbour: join(folder, 'neighbour'),
      unguarded: join(guarded.openFolder('../run/outside/folder'), 'unguarded'),
    };
    await guarded.enforce([
      denyPath('by-bridge', 'equal', files.byBridge),
      denyPath('by-agent', 'ignoreCase:equal', files.byAgent),
      denyPath('by-folder', 'startsWith', `${dirname(files.byFolder)}/`),
    ]);
  });

  afterAll(() => cleanup.run());

  const tried = ways.filter(({ attempts }) => attempts !== undefined);
  test.each(tried)('$answer: $way', (way) => expect(surprises(way)).toEqual([]), 60_000);

  /** What came otherwise than the answer says. */
  function surprises({ answer, attempts = [] }: Way): string[] {
    const found: string[] = [];
    for (const attempt of attempts) {
      const { name, by = EVERYBODY, verbs = ['open', 'run'], on = type } = attempt;
      if (on !== type) continue;
      const which = attempt.on === undefined ? WHICH : GUARDED;
      for (const [who, verb, target] of combinations(by, verbs, which)) {
        renewFiles(attempt);
        const outcome = intrude({ name, who, verb, file: files[target], work: guarded.work });
        if (outcome !== (isDenied(answer, attempt, target) ? 'EPERM' : 'none'))
          found.push(`${name}, ${verb} by ${who}, ${target}: ${outcome}`);
      }
    }
    return found;
  }

  function renewFiles({ dynamic, script }: Attempt): void {
    guarded.renewWork();
    for (const file of Object.values(files)) {
      if (script === true) guarded.renew(file, { text: ':\n' });
      else if (dynamic === true) guarded.renew(file, { from: '/bin/true' });
      else guarded.renew(file);
    }
  }
});

function isDenied(answer: string, { unresolved }: Attempt, which: Which): boolean {
  return answer === 'denied' && (DENIED.has(which) || (unresolved === true && which === 'neighbour'));
}

function combinations<A, B, C>(as: readonly A[], bs: readonly B[], cs: readonly C[]): [A, B, C][] {
  return as.flatMap((a) => bs.flatMap((b) => cs.map((c): [A, B, C] => [a, b, c])));
}
