// The agent's books as it prints them on stderr at its end: the last word of a process that has gone.
import { DemoPartError } from './child.ts';

export interface LaneBooks {
  readonly waiting: number;
  readonly inFlight: number;
  readonly acknowledged: number;
  readonly shed: number;
  readonly deadLettered: number;
}

export interface AgentBooks {
  readonly received: number;
  readonly filtered: number;
  readonly deduplicated: number;
  readonly shed: number;
  readonly forwarded: number;
  readonly alerts: number;
  readonly lostUpstream: number;
  readonly events: LaneBooks;
  readonly alertLane: LaneBooks;
  /** The agent itself found that its equations hold. */
  readonly balance: boolean;
}

/** @param log everything that the agent wrote; its books are at the end */
export function readBooks(log: string): AgentBooks {
  const lines = new Map<string, number>();
  let section = '';
  let balance: boolean | undefined;
  for (const line of log.split('\n')) {
    if (line.startsWith('The books ')) balance = line === 'The books balance.';
    const [, indent = '', name, count] = /^( +)([=+]? ?[a-z][^{}]*?) +(\d+)$/.exec(line) ?? [];
    if (name === undefined) continue;
    const plain = name.replace(/^[=+] /, '');
    // Lines of a lane are set in below the line whose sum they are.
    const isOfLane = indent.length > 2;
    if (!isOfLane) section = plain;
    lines.set(isOfLane ? `${section}/${plain}` : plain, Number(count));
  }
  if (balance === undefined) throw new DemoPartError('the agent ended without printing its books');
  const count = (name: string): number => {
    const found = lines.get(name);
    if (found === undefined) throw new DemoPartError(`the agent's books have no line '${name}'`);
    return found;
  };
  const lane = (name: string): LaneBooks => ({
    waiting: count(`${name}/waiting`),
    inFlight: count(`${name}/in flight`),
    acknowledged: count(`${name}/acknowledged`),
    shed: count(`${name}/shed`),
    deadLettered: count(`${name}/dead-lettered`),
  });
  return {
    received: count('received'),
    filtered: count('filtered'),
    deduplicated: count('deduplicated'),
    shed: count('shed'),
    forwarded: count('forwarded'),
    alerts: count('alerts (copies)'),
    lostUpstream: count('events lost upstream, as far as counted'),
    events: lane('forwarded'),
    alertLane: lane('alerts (copies)'),
    balance,
  };
}
