// The kernel's cache behind the real agent: what the rules allow by content alone is asked about once, and whatever becomes of
// rules and files, an open gets what the rules say of the file as it is.
import { createHash } from 'node:crypto';
import {
  appendFileSync,
  chmodSync,
  closeSync,
  linkSync,
  openSync,
  renameSync,
  rmSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { askBridge } from '../../src/control/ask-bridge.ts';
import { agentConfig, startAgent, writeRules } from './harness/agent.ts';
import { socketOf, startBridge } from './harness/bridge.ts';
import { Cleanup } from './harness/cleanup.ts';
import { errorOfOpen } from './harness/opener.ts';
import type { Running } from './harness/process.ts';
import { makeScratch, type Scratch } from './harness/scratch.ts';
import { waitFor } from './harness/wait.ts';

const NAMES = ['a', 'b', 'c'] as const;
const OPENS = 5;
const CONTENTS = ['', 'x', 'yy', 'zzz', 'www'] as const;

let cleanup: Cleanup;
let scratch: Scratch;

beforeEach(async () => {
  cleanup = new Cleanup();
  scratch = makeScratch(cleanup);
  await startBridge(cleanup, scratch);
});

afterEach(() => cleanup.run());

const at = (name: string): string => join(scratch.mount, name);
const digestOf = (content: string): string => createHash('sha256').update(content).digest('hex');

interface Denied {
  readonly sizes: readonly number[];
  readonly digests: readonly string[];
}

function rulesOf({ sizes, digests }: Denied): object[] {
  const rule = (name: string, path: string, value: readonly unknown[]): object => ({
    name,
    on: ['auth.open'],
    conditions: { all: [{ fact: 'file', path, operator: 'in', value }] },
    event: { type: 'deny' },
  });
  return [rule('sizes', '$.size', sizes), rule('digests', '$.hash.sha256', digests)];
}

const isDenied = (content: string, { sizes, digests }: Denied): boolean =>
  sizes.includes(content.length) || digests.includes(digestOf(content));

async function status(): Promise<Awaited<ReturnType<typeof askBridge>>> {
  return askBridge({ socketPath: socketOf(scratch), command: 'status' });
}

/** How many opens were asked about so far. */
async function asked(): Promise<number> {
  const { outcomes } = await status();
  return outcomes?.actions.find(({ action }) => action === 'open')?.requests ?? 0;
}

function errorsOfOpens(path: string, opens: number): string[] {
  return Array.from({ length: opens }, () => errorOfOpen(path));
}

async function start(denied: Denied): Promise<Running> {
  const rules = writeRules(scratch, rulesOf(denied));
  const more = { rules: { paths: [rules], platform: 'linux' as const, watch: false } };
  return startAgent(cleanup, agentConfig(scratch, { rules, more }));
}

async function change(agent: Running, denied: Denied): Promise<void> {
  const { epoch } = await status();
  writeRules(scratch, rulesOf(denied));
  agent.signal('SIGHUP');
  await waitFor('the next policy', async () => (await status()).epoch > epoch);
}

test('an allowed file is asked about once, until its content or the rules change', async () => {
  const path = scratch.file('a', 'first');
  const denied = { sizes: [3], digests: [digestOf('other')] };
  const agent = await start(denied);
  const before = await asked();
  expect(new Set(errorsOfOpens(path, OPENS))).toEqual(new Set(['none']));
  expect((await asked()) - before).toBe(1);
  writeFileSync(path, 'other');
  expect(errorsOfOpens(path, OPENS)).toEqual(Array(OPENS).fill('EPERM'));
  renameSync(scratch.file('b', 'again'), path);
  const between = await asked();
  expect(new Set(errorsOfOpens(path, OPENS))).toEqual(new Set(['none']));
  expect((await asked()) - between).toBe(1);
  await change(agent, { sizes: [], digests: [digestOf('again')] });
  expect(errorsOfOpens(path, OPENS)).toEqual(Array(OPENS).fill('EPERM'));
});

// ---- random rules, files and changes; the referee is a model of the files

interface Node {
  content: string;
}

type Files = Record<(typeof NAMES)[number], Node>;

/** Each gives what it does to the file, where it may open it. */
const CHANGES: Readonly<Record<string, (path: string, text: string, before: string) => string>> = {
  write(path, text) {
    writeFileSync(path, text);
    return text;
  },
  append(path, text, before) {
    appendFileSync(path, text);
    return before + text;
  },
  'write in place': (path, text, before) => {
    const fd = openSync(path, 'r+');
    writeSync(fd, text, 0);
    closeSync(fd);
    return text + before.slice(text.length);
  },
  truncate(path, text, before) {
    truncateSync(path, text.length);
    return before.slice(0, text.length).padEnd(text.length, '\0');
  },
  empty(path) {
    const O_TRUNC = 0o1000;
    closeSync(openSync(path, O_TRUNC));
    return '';
  },
};

const step = fc.record({
  kind: fc.constantFrom(...Object.keys(CHANGES), 'replace', 'chmod', 'link', 'rename'),
  name: fc.constantFrom(...NAMES),
  content: fc.constantFrom(...CONTENTS),
});
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

function perform({ kind, name, content }: Step, files: Files, denied: Denied): void {
  const path = at(name);
  const node = files[name];
  const other = NAMES[(NAMES.indexOf(name) + 1) % NAMES.length] ?? 'a';
  if (kind === 'replace') {
    writeFileSync(`${path}.new`, content);
    renameSync(`${path}.new`, path);
    files[name] = { content };
  } else if (kind === 'chmod') {
    chmodSync(path, 0o600);
  } else if (kind === 'link') {
    rmSync(at(other));
    linkSync(path, at(other));
    files[other] = node;
  } else if (kind === 'rename') {
    rmSync(at(other)); // two names of one file are not renamed to each other
    renameSync(path, at(other));
    files[other] = node;
    writeFileSync(path, content);
    files[name] = { content };
  } else {
    const wasDenied = isDenied(node.content, denied);
    const error = errorOf(() => {
      node.content = CHANGES[kind]?.(path, content, node.content) ?? '';
    });
    expect(error, `${kind} of ${JSON.stringify(node.content)}`).toBe(wasDenied ? 'EPERM' : 'none');
  }
}

function errorOf(act: () => void): string {
  try {
    act();
    return 'none';
  } catch (error) {
    return (error as NodeJS.ErrnoException).code ?? String(error);
  }
}

test('whatever becomes of rules and files, an open gets what the rules say of the file as it is', async () => {
  const files: Files = { a: { content: 'x' }, b: { content: 'yy' }, c: { content: 'zzz' } };
  for (const name of NAMES) scratch.file(name, files[name].content);
  const agent = await start({ sizes: [9], digests: [] });
  const before = await asked();
  const opens = { EPERM: 0, none: 0 };
  let changes = 0;
  // An empty file is never denied here: else nothing would be kept.
  const denied = fc.record({
    sizes: fc.subarray([1, 2, 3, 4]),
    digests: fc.subarray(CONTENTS.slice(1).map(digestOf)),
  });
  await fc.assert(
    fc.asyncProperty(denied, fc.array(step, { minLength: 20, maxLength: 30 }), async (rules, steps) => {
      await change(agent, rules);
      for (const one of steps) {
        perform(one, files, rules);
        changes++;
        for (const name of NAMES) {
          const expected = isDenied(files[name].content, rules) ? 'EPERM' : 'none';
          const found = errorsOfOpens(at(name), OPENS);
          opens[expected] += OPENS;
          expect(found, `${name}: ${JSON.stringify(files[name].content)}`).toEqual(
            Array(OPENS).fill(expected),
          );
        }
      }
    }),
    { numRuns: 5, endOnFailure: true },
  );
  // Denied opens are all asked about; of the allowed ones the first after a change, and those that change a file.
  expect((await asked()) - before).toBeLessThanOrEqual(opens.EPERM + opens.none / 2 + changes * 3);
});
