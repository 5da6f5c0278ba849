// The subject whose main thread is busy: a bridge and an agent to be measured, and a replay bridge whose events the same main
// thread decides at 50,000/s while that is asked for.
import { join } from 'node:path';
import { agentConfig, nodeProgram, writeRules } from '../../test/system/harness/agent.ts';
import { startBridge } from '../../test/system/harness/bridge.ts';
import type { Cleanup } from '../../test/system/harness/cleanup.ts';
import { start } from '../../test/system/harness/process.ts';
import type { Scratch } from '../../test/system/harness/scratch.ts';
import { waitFor } from '../../test/system/harness/wait.ts';
import { writeRecording } from '../recording.ts';
import { realisticRules } from '../rule-sets.ts';

export const EVENTS_A_SECOND = 50_000;
const NOTIFY_RULES = 1_000;

export interface Flow {
  /** Runs `during` while events flow, which they do for at least so long; returns how many a second were taken. */
  while(during: () => Promise<void>): Promise<number>;
}

/** `config`: of the agent to be measured. `beside`: a scratch for the bridge of the events. */
export async function startBusyAgent(
  cleanup: Cleanup,
  config: string,
  beside: Scratch,
  seconds: number,
): Promise<Flow> {
  const recording = join(beside.folder, 'flow.picket');
  writeRecording(recording, seconds * EVENTS_A_SECOND, 1e9 / EVENTS_A_SECOND);
  const flowConfig = agentConfig(beside, {
    name: 'flow',
    rules: writeRules(beside, rulesOfFlow()),
    more: { agent: { name: 'flow', group: 'bench', drain_ms: 100 } },
  });
  const program = join(import.meta.dirname, 'busy-agent.ts');
  const agent = start(cleanup, nodeProgram, [program, config, flowConfig], { stdin: 'pipe' });
  const said = (text: string, times: number): Promise<boolean> =>
    waitFor(
      () => `the agent to say "${text}"; it said ${agent.stdout()} ${agent.stderr()}`,
      () => agent.stdout().split(text).length > times,
    );
  await said('in force', 1);
  let flows = 0;
  return {
    async while(during) {
      flows++;
      const replay = ['--backend', 'replay', '--file', recording, '--speed', '1'];
      const bridge = await startBridge(cleanup, beside, { args: replay });
      agent.child.stdin?.write('flow\n');
      await said('flowing', flows);
      await during();
      await said('flowed', flows);
      await bridge.stop();
      const [, events, took] = [...agent.stdout().matchAll(/flowed (\d+) ([\d.]+)/g)].at(-1) ?? [];
      return Number(events) / Number(took);
    },
  };
}

/** Each event is decided, by the mix of the authorization benchmark, and none is forwarded: there is no server. */
function rulesOfFlow(): unknown[] {
  const never = ['open', 'close', 'exec', 'fork', 'exit'].map((action) => ({
    name: `never-${action}`,
    on: [`notify.${action}`],
    conditions: { all: [{ fact: 'process', path: '$.pid', operator: 'greaterThan', value: 2 ** 31 }] },
    event: { type: 'forward' },
  }));
  const mix = realisticRules(NOTIFY_RULES, { staticallyDenied: '/nowhere' }).map((rule) => ({
    ...(rule as object),
    on: ['notify.open'],
    event: { type: 'forward' },
  }));
  return [...never, ...mix];
}
