// The fact table against the kernel: each Linux trigger is caused on a scratch mount, and its event has every fact that
// rules are offered there, and none that they are not.
import { spawn } from 'node:child_process';
import { chmodSync, copyFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { EncodedFacts } from '../../src/events/encoded-facts.ts';
import { offered, triggersOf } from '../../src/events/fact-table.ts';
import { slotOf } from '../../src/events/facts.ts';
import { picket } from '../../src/events/proto/picket.js';
import { LOCATIONS } from '../../src/events/slot-locations.ts';
import { textOfBytes } from '../../src/events/text.ts';
import { actionOfTrigger, kindOfTrigger, type Trigger } from '../../src/events/triggers.ts';
import { HASH_OF } from '../../src/rules/content-hashes.ts';
import { TestAgent } from '../bridge/test-agent.ts';
import { socketOf, startBridge } from './harness/bridge.ts';
import { Cleanup } from './harness/cleanup.ts';
import { makeScratch, type Scratch } from './harness/scratch.ts';
import { waitFor } from './harness/wait.ts';

const TRIGGERS = triggersOf('linux').filter((trigger) => actionOfTrigger(trigger) !== undefined);

/** What only an unusual event has, a file by its name, or a process in a container. */
const UNUSUAL =
  /unresolved$|^file\.extension$|hash\.unstable$|^container\.(?:id|runtime)$|^file\.container_path$/;
/** Missing where the test's own program lies on an overlay. */
const OF_THE_ACTOR = 'process.hash.sha256';
/** Told once a batch, not in the event. */
const OF_THE_BATCH = /^host\.(?!os\.type$)/;

/** Does one thing after the other and stays, so that it can be looked at; what is behind a line of stdin comes later. */
const ACTOR = `
const { chmodSync, readFileSync, renameSync, unlinkSync, writeFileSync } = require('node:fs');
const { spawnSync } = require('node:child_process');
const [mount] = process.argv.slice(1);
readFileSync(mount + '/read.txt');
writeFileSync(mount + '/new.txt', 'x');
chmodSync(mount + '/new.txt', 0o600);
renameSync(mount + '/new.txt', mount + '/named.txt');
spawnSync(mount + '/script');
process.stdin.once('data', () => unlinkSync(mount + '/named.txt'));
`;

const changer = join(import.meta.dirname, '../native/build/changer');

const HASHES = HASH_OF.file | HASH_OF.process;

/** Asks again for the hashes, and allows. */
function withHashes({ id, epoch, event }: picket.v1.AuthRequest): picket.v1.IAuthVerdict {
  return isHashed(event) ? { id, epoch, verdict: 1 } : { id, epoch, verdict: 3, hashes: HASHES };
}

function isHashed(event: Uint8Array): boolean {
  const { file, process: actor } = picket.v1.Event.decode(event);
  const isPending = (hash: picket.v1.IHash | null | undefined): boolean => hash?.state === 1;
  return !isPending(file?.hash) && !isPending(actor?.hash);
}

const cleanup = new Cleanup();
let scratch: Scratch;
let agent: TestAgent;
let actorPid: number;
/** Who mounts and unmounts, and stays. */
let mounterPid: number;

beforeAll(async () => {
  scratch = makeScratch(cleanup);
  scratch.file('read.txt');
  copyFileSync('/bin/sh', join(scratch.mount, 'sh'));
  writeFileSync(join(scratch.mount, 'script'), `#!${scratch.mount}/sh\nexit 3\n`);
  for (const name of ['sh', 'script']) chmodSync(join(scratch.mount, name), 0o755);
  await startBridge(cleanup, scratch);
  agent = new TestAgent(socketOf(scratch), { lane: withHashes });
  cleanup.add(() => agent.kill());
  await agent.start({
    epoch: 1,
    guardedFilesystems: [{ path: Buffer.from(scratch.mount) }],
    subscriptions: TRIGGERS.map((trigger) => ({
      kind: kindOfTrigger(trigger),
      action: actionOfTrigger(trigger) ?? '',
      environment: trigger === 'notify.exec',
      hashes: trigger.startsWith('auth.') ? HASHES : 0,
    })),
    // The test's own program is large.
    actions: ['exec', 'open'].map((action) => ({ action, maxWaitUs: 20_000_000 })),
  } as unknown as picket.v1.IPolicy);
  const actor = spawn(process.execPath, ['-e', ACTOR, scratch.mount], {
    cwd: scratch.folder,
    stdio: ['pipe', 'ignore', 'inherit'],
  });
  cleanup.add(() => {
    actor.kill('SIGKILL');
  });
  actorPid = actor.pid ?? 0;
  await waitFor('the rename to be told', () => eventsOf('notify.rename').length > 0);
  actor.stdin?.write('go\n');
  await waitFor('the removal to be told', () => eventsOf('notify.unlink').length > 0);
  const folder = join(scratch.folder, 'mounted');
  mkdirSync(folder);
  const mounter = spawn(changer, { cwd: scratch.folder, stdio: ['pipe', 'ignore', 'inherit'] });
  cleanup.add(() => {
    mounter.kill('SIGKILL');
  });
  mounterPid = mounter.pid ?? 0;
  // One after the other: what is gone before it can be looked at is told without its place.
  for (const verb of ['mount', 'unmount'] as const) {
    mounter.stdin.write(`${verb} ${Buffer.from(folder).toString('hex')}\n`);
    await waitFor(`the ${verb} to be told`, () => eventsOf(`notify.${verb}`).length > 0);
  }
});

afterAll(() => cleanup.run());

/** Encoded, as rules read them; of what happens elsewhere on the machine nothing. */
function eventsOf(trigger: Trigger): readonly Uint8Array[] {
  const isOurs = ({ kind, action, process: actor, file }: picket.v1.Event): boolean => {
    if (kind !== kindOfTrigger(trigger) || action !== actionOfTrigger(trigger)) return false;
    if (trigger === 'notify.exit')
      return textOfBytes(actor?.executable ?? new Uint8Array()) === join(scratch.mount, 'sh');
    if (trigger === 'auth.exec')
      return textOfBytes(file?.path ?? new Uint8Array()) === join(scratch.mount, 'sh');
    return actor?.pid === actorPid || actor?.pid === mounterPid;
  };
  if (trigger.startsWith('auth.')) {
    return agent.requests.flatMap(({ event }) =>
      event && isHashed(event) && isOurs(picket.v1.Event.decode(event)) ? [event] : [],
    );
  }
  return agent.events.filter(isOurs).map((event) => picket.v1.Event.encode(event).finish());
}

function factsIn(event: Uint8Array): string[] {
  const facts = new EncodedFacts().reset(event);
  return [...LOCATIONS].flatMap(([name, { type }]) => {
    const slot = type === 'object' ? undefined : slotOf(name);
    return slot === undefined || facts.get(slot) === undefined ? [] : [name];
  });
}

describe.each(TRIGGERS)('%s', (trigger) => {
  test('has the facts that rules are offered, and no others', async () => {
    const event = await waitFor(`an event of ${trigger}`, () => eventsOf(trigger)[0]);
    const there = factsIn(event)
      .filter((name) => !UNUSUAL.test(name))
      .sort();
    const expected = offered(trigger, 'linux').map(({ name }) => name);
    const usual = expected.filter((name) => !OF_THE_BATCH.test(name) && !UNUSUAL.test(name)).sort();
    const isOfActor = (name: string): boolean => trigger === 'auth.open' && name === OF_THE_ACTOR;
    expect(there.filter((name) => !isOfActor(name))).toEqual(usual.filter((name) => !isOfActor(name)));
  });
});
