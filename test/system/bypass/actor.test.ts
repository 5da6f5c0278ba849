// Rules that name who may open a file: nobody passes for another program.
import { spawnSync } from 'node:child_process';
import { chmodSync, copyFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { Cleanup } from '../harness/cleanup.ts';
import { type Guarded, makeGuarded } from './guarded.ts';
import { intrude, intruderProgram, meaningOf } from './intruder.ts';

let cleanup: Cleanup;
let guarded: Guarded;

beforeEach(() => {
  cleanup = new Cleanup();
  guarded = makeGuarded(cleanup);
  for (const name of ['trusted', 'copy']) {
    copyFileSync(intruderProgram, join(guarded.work, name));
    chmodSync(join(guarded.work, name), 0o755);
  }
});

afterEach(() => cleanup.run());

/** By the bridge and by the agent, which reads one fact that the bridge does not. */
function rules(): unknown[] {
  const rule = (name: string, type: string, priority: number, leaves: object[]) => ({
    name,
    on: ['auth.open'],
    priority,
    conditions: { all: leaves },
    event: { type },
  });
  const isFile = (name: string) => ({
    fact: 'file',
    path: '$.path',
    operator: 'equal',
    value: join(guarded.mount, name),
  });
  const isTrusted = {
    fact: 'process',
    path: '$.executable',
    operator: 'equal',
    value: join(guarded.work, 'trusted'),
  };
  const hasSize = { fact: 'file', path: '$.size', operator: 'greaterThanInclusive', value: 0 };
  return ['by-bridge', 'by-agent'].flatMap((name) => {
    const more = name === 'by-agent' ? [hasSize] : [];
    return [
      rule(`${name}-allow`, 'allow', 20, [isFile(name), isTrusted, ...more]),
      rule(`${name}-deny`, 'deny', 10, [isFile(name), ...more]),
    ];
  });
}

const trusted = (file: string, wrapper: readonly string[] = []): string => {
  const [program = '', ...args] = [
    ...wrapper,
    join(guarded.work, 'trusted'),
    'plain',
    'open',
    file,
    guarded.work,
  ];
  const { status, stderr } = spawnSync(program, args, { encoding: 'utf8', timeout: 60_000 });
  return meaningOf(status, stderr);
};

test('a program that mounts itself over the trusted one, in a namespace of its own, is not taken for it', async () => {
  const files = ['by-bridge', 'by-agent'].map((name) => guarded.file(name));
  await guarded.enforce(rules());
  for (const file of files) {
    expect(intrude({ name: 'plain', who: 'user', verb: 'open', file, work: guarded.work }), file).toBe(
      'EPERM',
    );
    expect(trusted(file), `${file}, by the trusted program`).toBe('none');
    // As services with a private /tmp are started, and containers.
    expect(trusted(file, ['unshare', '--mount']), `${file}, by it in a mount namespace`).toBe('none');
    for (const name of ['disguised', 'disguised-on-its-own'])
      expect(intrude({ name, who: 'user', verb: 'open', file, work: guarded.work }), `${file}, ${name}`).toBe(
        'EPERM',
      );
  }
});
