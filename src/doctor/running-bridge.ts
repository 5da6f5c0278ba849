// What the bridge that runs says of itself: whether it enforces, for whom, and what it guards just now.
import { askBridge, type BridgeReport } from '../control/ask-bridge.ts';
import { type Check, type Finding, not } from './check.ts';

export const checkRunningBridge: Check = async ({ isRoot, socketPath }) => {
  if (!isRoot) {
    return not(
      'unseen',
      'enforcement',
      'not root: the bridge answers to root alone',
      'run doctor as root: sudo picket doctor',
    );
  }
  try {
    return judgeReport(await askBridge({ socketPath, command: 'status' }));
  } catch (error) {
    return not(
      'unseen',
      'enforcement',
      error instanceof Error ? error.message : String(error),
      'start the bridge, or look at its log',
    );
  }
};

export function judgeReport(report: BridgeReport): readonly Finding[] {
  const { state, reason, agent, epoch, guarded, unguarded } = report;
  const findings: Finding[] = [];
  const add = (state: 'ok' | 'warn', found: string, mend?: string): void => {
    findings.push({ check: 'enforcement', state, found, ...(mend === undefined ? {} : { mend }) });
  };
  if (state === 'on') add('ok', 'on');
  else add('warn', `${state}: ${reason}; nothing is denied`, 'picket on, once the reason is gone');
  if (agent === undefined)
    add('warn', 'no agent is connected: static verdicts and defaults alone', 'start picket run');
  else add('ok', `agent ${agent.name}, generation ${agent.generation}, policy ${epoch}`);
  for (const filesystem of guarded)
    findings.push({ check: 'guarded', state: 'ok', found: `${filesystem} is guarded` });
  for (const sentence of unguarded) findings.push({ check: 'not guarded', state: 'ok', found: sentence });
  return findings;
}
