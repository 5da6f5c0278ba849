// The bridge from outside: events, losses, what nobody watched, and who may speak.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { picket } from '../../src/events/proto/picket.js';
import { waitFor } from '../system/harness/wait.ts';
import { bridgeBinary, NOTIFY } from './replay-bridge.ts';
import { about, notes, policy, stage, text } from './scenario.ts';
import { frameOf, long } from './test-agent.ts';

const { agent, bridge, folder, stranger } = stage();

describe('events', () => {
  it('come numbered without gaps, in order, and end with the end of the source', async () => {
    const { socket } = await bridge(notes(5000));
    const one = await agent(socket);
    await waitFor('the end', () => one.endOfSource);
    expect(one.events.map((event) => Number(event.sequence))).toEqual(one.events.map((_, i) => i + 1));
    expect(about(one, 'open').map((event) => text(event.file?.path))).toEqual(
      notes(5000).map((event) => event.path),
    );
    expect(one.losses).toEqual([]);
  });

  it('are kept until accepted: an agent that was killed is sent what it had not accepted, and no more', async () => {
    const { socket } = await bridge(notes(2000));
    const first = await agent(socket, { credit: 900 });
    await waitFor('900 events', () => first.events.length === 900);
    first.kill();
    const second = await agent(socket, {
      bridgeInstance: first.welcome?.bridgeInstance ?? '',
      acceptedThrough: 500,
    });
    await waitFor('the end', () => second.endOfSource);
    expect(Number(second.welcome?.nextSequence)).toBe(501);
    expect(second.events.map((event) => Number(event.sequence))).toEqual(
      second.events.map((_, i) => 501 + i),
    );
    expect(about(second, 'open').length).toBe(
      2000 - about(first, 'open').filter((e) => Number(e.sequence) <= 500).length,
    );
  });

  it('without credit fill the queue, lose the lowest class first, and the losses add up', async () => {
    const events = Array.from({ length: 400 }, (_, i) => ({
      kind: NOTIFY,
      action: i % 4 === 0 ? 'exec' : 'open',
      path: `/data/n${i}`,
      afterMs: 0,
    }));
    const { socket } = await bridge(events, ['--queue-events', '150', '--speed', '1000']);
    const one = await agent(socket, { credit: 0 });
    await waitFor('all events to be numbered', () => Number(one.statistics?.events) >= 401);
    one.say({ credit: { events: 10_000, acceptedThrough: long(0) } });
    await waitFor('the end', () => one.endOfSource);
    const lost = one.losses.reduce((sum, loss) => sum + Number(loss.count), 0);
    expect(one.events.length + lost).toBe(401); // the unwatched interval before the first agent is one of them
    expect(about(one, 'exec').length).toBe(100);
    expect(one.losses.every((loss) => loss.cause === 'queue_full' && loss.action === 'open')).toBe(true);
  });

  it('lost are told again to the next agent, unless an event that came with them or behind them was accepted', async () => {
    const { socket } = await bridge(notes(400), ['--queue-events', '150', '--speed', '1000']);
    const one = await agent(socket, { credit: 0 });
    await waitFor('all events to be numbered', () => Number(one.statistics?.events) >= 401);
    await waitFor('the losses', () => one.losses.length > 0);
    // Written, as far as the bridge can know, before it has read the losses.
    one.say({ credit: { events: 10, acceptedThrough: long(0) } });
    await waitFor('ten events', () => one.events.length === 10);
    one.kill();
    const sum = (losses: readonly { count?: unknown }[]): number =>
      losses.reduce((all, loss) => all + Number(loss.count), 0);
    const two = await agent(socket);
    await waitFor('the end', () => two.endOfSource);
    const lost = sum(two.losses);
    expect(about(two, 'open').length + lost).toBe(400);
    two.say({ credit: { events: 0, acceptedThrough: long(Number(two.events.at(-1)?.sequence)) } });
    await waitFor('a sign that it was read', () => Number(two.statistics?.queuedEvents) === 0);
    two.kill();
    const three = await agent(socket);
    await waitFor('its first figures', () => three.statistics !== undefined);
    expect(three.losses).toEqual([]);
  });

  it('of nearly a frame leave no room for losses, and neither is lost for that', async () => {
    const action = (i: number): string => `${i}`.padEnd(60, 'a');
    const many = Array.from({ length: 100 }, (_, i) => ({ kind: NOTIFY, action: action(i) }));
    const huge = { kind: NOTIFY, action: 'exec', args: ['x'.repeat(1_044_200)] };
    const subscriptions = [...many, huge].map(({ kind, action: name }) => ({ kind, action: name }));
    const { socket } = await bridge([...many, huge], ['--queue-events', '5', '--speed', '1000']);
    const one = stranger(socket);
    one.options = { credit: 0 };
    await one.start(policy({ subscriptions }));
    await waitFor('all events to be numbered', () => Number(one.statistics?.events) >= 102);
    one.kill(); // what was told of the losses is told again, together
    const two = await agent(socket, {}, policy({ subscriptions }));
    await waitFor('the end', () => two.endOfSource);
    expect(about(two, 'exec').length).toBe(1);
    const lost = two.losses.reduce((all, loss) => all + Number(loss.count), 0);
    const own = about(two, 'unwatched').length + about(two, 'takeover').length;
    expect(two.events.length - own + lost).toBe(101);
  });
});

describe('what nobody watched', () => {
  it('is an event: before the first agent, between two, and while no bridge ran', async () => {
    const state = join(folder(), 'state');
    const first = await bridge(notes(1), ['--state-dir', state]);
    const one = await agent(first.socket);
    await waitFor('the interval before it', () => about(one, 'unwatched').length === 1);
    expect(about(one, 'unwatched')[0]?.unwatched?.who).toBe('agent');
    one.kill();
    const two = await agent(first.socket);
    await waitFor('the interval between', () => about(two, 'unwatched').length === 2);
    expect(await first.process.stop()).toBe(0);
    expect(existsSync(first.socket)).toBe(false);
    const second = await bridge(notes(1), ['--state-dir', state]);
    const three = await agent(second.socket);
    await waitFor('both intervals', () => about(three, 'unwatched').length === 2);
    expect(about(three, 'unwatched').map((event) => event.unwatched?.who)).toEqual(['bridge', 'agent']);
  });
});

describe('who may speak', () => {
  it('frames that are none end the connection and nothing else', async () => {
    const { socket, process: running } = await bridge(notes(3));
    const overlong = Buffer.alloc(8, 0xff);
    const garbage = frameOf(Buffer.from([0x0b, 0x01, 0x02]));
    for (const bad of [overlong, garbage]) {
      const one = await agent(socket, { credit: 0 });
      one.sayBytes(bad);
      await waitFor('the end of it', () => one.closed);
    }
    const doubled = stranger(socket);
    doubled.say({ hello: { protocol: 1 } });
    await waitFor('a second Hello to end it', () => doubled.closed);
    const last = await agent(socket);
    await waitFor('the end', () => last.endOfSource);
    await expect.poll(() => running.stderr()).toMatch(/over the maximum/);
    await expect.poll(() => running.stderr()).toMatch(/malformed/);
  });

  it('an agent that floods with policies has its turn like others: whoever comes is welcomed meanwhile', async () => {
    const { socket } = await bridge(notes(3));
    const one = await agent(socket);
    const count = 100_000;
    const flood = Array.from({ length: count }, (_, number) =>
      frameOf(picket.v1.ToBridge.encode({ policy: { epoch: long(number + 2) } }).finish()),
    );
    one.sayBytes(Buffer.concat(flood));
    const next = stranger(socket);
    await waitFor('Welcome', () => next.welcome !== undefined);
    expect(one.applied.length).toBeLessThan(count);
    await waitFor('all the same each is answered', () => one.applied.length === count + 1);
  });

  it('refusals by the hundred leave room for other lines in the log', async () => {
    const { socket, process: running } = await bridge(notes(3));
    const lines = (what: string): number => running.stderr().split(what).length - 1;
    const start = performance.now();
    let connections = 0;
    const refused = (): Promise<void> =>
      new Promise((resolve) => {
        const client = connect(socket, () => client.write(frameOf(Buffer.from([0x0b]))));
        client
          .on('error', () => undefined)
          .on('close', () => resolve())
          .resume();
      });
    await waitFor('the count of the others', async () => {
      await Promise.all(Array.from({ length: 40 }, refused));
      connections += 40;
      return lines('further connections were refused') > 0;
    });
    expect(connections).toBeGreaterThan(lines('a connection is refused'));
    expect(lines('a connection is refused')).toBeLessThanOrEqual(
      8 * Math.ceil((performance.now() - start) / 1_000 + 1),
    );
  });

  it('a second bridge says so and leaves the first alone', async () => {
    const { socket } = await bridge(notes(3));
    const second = spawnSync(
      bridgeBinary,
      ['--backend', 'replay', '--socket', socket, '--file', join(folder(), 'recording.picket')],
      { timeout: 60_000, encoding: 'utf8' },
    );
    expect(second.status).toBe(1);
    expect(second.stderr).toMatch(/another picket-bridge \(process \d+\) serves/);
    const one = await agent(socket);
    await waitFor('the end', () => one.endOfSource);
  });

  it('usage errors are plain and exit with 2', () => {
    const run = (...args: string[]) => spawnSync(bridgeBinary, args, { timeout: 60_000, encoding: 'utf8' });
    expect(run('--help').status).toBe(0);
    expect(run('--help').stdout).toMatch(/example: picket-bridge/);
    expect(run().status).toBe(2);
    expect(run('--backend', 'mars').stderr).toMatch(/no such backend: mars/);
    expect(run('--backend', 'replay', '--speed', '0').stderr).toMatch(/--speed can't be '0'/);
    const missing = run(
      '--backend',
      'replay',
      '--socket',
      join(folder(), 'b.sock'),
      '--file',
      join(folder(), 'none'),
    );
    expect(missing.status).toBe(1);
    expect(missing.stderr).toMatch(/can't read the recording/);
  });
});
