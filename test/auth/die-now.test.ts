import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { afterEach, expect, test } from 'vitest';
import { BridgePeer } from './bridge-peer.ts';
import { pingFrame } from './frames.ts';

let peer: BridgePeer;
let agent: ChildProcess | undefined;

// An agent that hangs fails its test and must not outlive it.
afterEach(() => {
  agent?.kill('SIGKILL');
  peer.close();
});

/** An agent whose lane blocks in read(2), for the bridge has become silent; then it does what `end` says. */
async function startAgent(end: string): Promise<ChildProcess> {
  peer = new BridgePeer();
  const script = `
    import { startLane } from './src/auth/lane.ts';
    import { dieNow } from './src/auth/die-now.ts';
    import { endOnCrash } from './src/cli/end-on-crash.ts';
    import { rulesOfEpoch } from './test/auth/rule-sets.ts';
    const silent = () => undefined;
    const [requestFifo, verdictFifo] = process.argv.slice(-2);
    const log = { debug: silent, info: silent, warn: silent };
    startLane({ requestFifo, verdictFifo, ruleSet: rulesOfEpoch(1), platform: 'linux', epoch: 1, log });
    process.stdin.once('data', () => { ${end} });
  `;
  const args = ['--input-type=module', '--eval', script, peer.requestFifo, peer.verdictFifo];
  const started = spawn(process.execPath, args, {
    cwd: `${import.meta.dirname}/../..`,
    stdio: ['pipe', 'inherit', 'pipe'],
  });
  agent = started;
  // A thread that still waits for its turn could be ended from outside.
  await peer.send(pingFrame(1));
  await peer.until(() => peer.messages.length >= 1);
  started.stdin.write('now');
  return started;
}

test('an agent dies at once while its lane blocks in read(2) and the bridge is silent', async () => {
  expect(await once(await startAgent('dieNow();'), 'exit')).toEqual([null, 'SIGKILL']);
});

test.each([
  ['an error', 'throw new RangeError("a defect");'],
  ['a rejection', 'Promise.reject(new RangeError("a defect"));'],
])(
  '%s that nobody catches on the main thread ends the agent, whose lane blocks in read(2)',
  async (_, defect) => {
    const failing = await startAgent(`endOnCrash(); ${defect}`);
    let said = '';
    failing.stderr?.on('data', (chunk: Buffer) => {
      said += chunk.toString('utf8');
    });
    expect(await once(failing, 'close')).toEqual([null, 'SIGKILL']);
    expect(said).toContain('a defect ended the agent: RangeError: a defect');
  },
);
