import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { afterEach, expect, test } from 'vitest';
import { BridgePeer } from './bridge-peer.ts';

let peer: BridgePeer;

afterEach(() => peer.close());

test('an agent dies at once while its lane blocks in read(2) and the bridge is silent', async () => {
  peer = new BridgePeer();
  const script = `
    import { startLane } from './src/auth/lane.ts';
    import { dieNow } from './src/auth/die-now.ts';
    import { rulesOfEpoch } from './test/auth/rule-sets.ts';
    const silent = () => undefined;
    const [requestFifo, verdictFifo] = process.argv.slice(-2);
    const log = { debug: silent, info: silent, warn: silent };
    const lane = startLane({ requestFifo, verdictFifo, ruleSet: rulesOfEpoch(1), platform: 'linux', epoch: 1, log });
    await lane.ready;
    dieNow();
  `;
  const args = ['--input-type=module', '--eval', script, peer.requestFifo, peer.verdictFifo];
  const agent = spawn(process.execPath, args, { cwd: `${import.meta.dirname}/../..`, stdio: 'inherit' });
  expect(await once(agent, 'exit')).toEqual([null, 'SIGKILL']);
});
