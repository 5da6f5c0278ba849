// An agent as `picket run` starts it, and a second one on the same main thread, which is given the events of a recording at
// their own pace whenever a line comes on stdin: so the first one's main thread is busy with events, or is not.
//   node busy-agent.ts CONFIGURATION CONFIGURATION-OF-THE-SECOND
// On stdout: "in force", then for each line "flowing" with the first events, and "flowed EVENTS SECONDS" at their end.
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import { startAgent } from '../../src/agent.ts';
import { loadConfig } from '../../src/config/load.ts';
import { openLog } from '../../src/observe/log.ts';

const [ownFile = '', flowFile = ''] = process.argv.slice(2);
const { logger: log } = openLog('warn');
const agent = await startAgent({ config: await loadConfig(ownFile), version: 'bench', log });
await agent.guarding;
console.log('in force');

for await (const _ of createInterface({ input: process.stdin })) {
  const config = await loadConfig(flowFile);
  const flow = await startAgent({ config, version: 'bench', log, untilEndOfSource: true });
  while (flow.ledger.received < 1_000) await delay(5);
  const [began, before] = [performance.now(), flow.ledger.received];
  console.log('flowing');
  const { ledger } = await flow.ended;
  console.log(`flowed ${ledger.received - before} ${(performance.now() - began) / 1_000}`);
}
process.kill(process.pid, 'SIGKILL'); // a thread that waits for requests keeps a process from ending otherwise
