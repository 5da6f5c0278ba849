// The auth lane's own steps on the main thread of a process that does nothing else, over real FIFOs, so that V8's heap can
// be read around them. Run as a process: lane-probe.ts REQUESTS VERDICTS COUNT RULES SHADOW_RULES; prints one line of JSON.
import { constants, openSync } from 'node:fs';
import { PerformanceObserver } from 'node:perf_hooks';
import { getHeapStatistics } from 'node:v8';
import { answer } from '../src/auth/answer.ts';
import { compare } from '../src/auth/compare.ts';
import { decide } from '../src/auth/decide.ts';
import { LaneFeed } from '../src/auth/lane-feed.ts';
import { LaneReader } from '../src/auth/lane-frames.ts';
import { LaneRing } from '../src/auth/lane-ring.ts';
import { LaneCounters, laneCounterMemory } from '../src/auth/lane-statistics.ts';
import { requests } from '../src/auth/requests.ts';
import { ShadowCounts, shadowCountMemory } from '../src/auth/shadow-counts.ts';
import { ShadowJudge } from '../src/auth/shadow-judge.ts';
import { warmUp } from '../src/auth/warm-up.ts';
import { compileRules } from '../src/rules/compile.ts';
import { realisticSet } from './lane-peer.ts';

export interface Probed {
  readonly requests: number;
  readonly bytesPerRequest: number;
  readonly cpuUsPerRequest: number;
  readonly userUsPerRequest: number;
  readonly decideP50Ns: number;
  readonly decideP99Ns: number;
  readonly collections: number;
  readonly longestPauseMs: number;
}

const [requestFifo = '', verdictFifo = '', count = '0', ruleCount = '0', shadowCount = '0'] =
  process.argv.slice(2);
const total = Number(count);
/** Not counted: V8 settles. */
const settling = Math.floor(total / 10);

const platform = 'linux';
const ruleSet = realisticSet(Number(ruleCount));
const rules = compileRules(ruleSet, { platform, lane: 'auth' });
const shadowSet = realisticSet(Number(shadowCount));
const shadow =
  Number(shadowCount) === 0
    ? undefined
    : { ruleSet: shadowSet, rules: compileRules(shadowSet, { platform, lane: 'auth' }) };
const judge =
  shadow &&
  new ShadowJudge({
    enforced: ruleSet,
    shadow: shadow.ruleSet,
    rules: shadow.rules,
    epoch: 1,
    counts: new ShadowCounts(shadowCountMemory()),
    ring: new LaneRing(),
  });

const pauses: number[] = [];
const observer = new PerformanceObserver((list) => {
  for (const { startTime, duration } of list.getEntries())
    if (startTime >= servedFromMs) pauses.push(duration);
});
observer.observe({ entryTypes: ['gc'] });

const counters = new LaneCounters();
const feed = new LaneFeed({
  ...warmUp({ ruleSet, rules, platform, epoch: 1, shadow: shadow?.ruleSet }),
  onWarm: () => {
    counters.use(laneCounterMemory());
    isServing = true;
    const requestFd = openSync(requestFifo, constants.O_RDONLY);
    const verdictFd = openSync(verdictFifo, constants.O_WRONLY);
    return { requestFd, verdictFd, carried: new Uint8Array(0) };
  },
});
let isServing = false;
let servedFromMs = 0;
let reads = 0;
let heapBefore = 0;
let cpuBefore = process.cpuUsage();
requests({
  reader: new LaneReader(),
  read: (buffer, offset, length) => {
    if (isServing) reads += 1;
    if (reads === settling) {
      servedFromMs = performance.now();
      heapBefore = getHeapStatistics().used_heap_size;
      cpuBefore = process.cpuUsage();
    }
    return feed.read(buffer, offset, length);
  },
  counters,
})
  .pipe(
    decide({ rules, epoch: 1, counters, isPrepared: () => false, onError: (error) => fail(error) }),
    answer((bytes, length) => feed.write(bytes, length), counters),
    compare(() => judge),
  )
  .subscribe();

const heapAfter = getHeapStatistics().used_heap_size;
const { user, system } = process.cpuUsage(cpuBefore);
// The entries of a thread that had no event loop come now.
await new Promise((resolve) => setTimeout(resolve, 100));
observer.disconnect();
const counted = total - settling;
const { decideNs, requests: seen } = counters.snapshot();
const probed: Probed = {
  requests: seen,
  bytesPerRequest: (heapAfter - heapBefore) / counted,
  cpuUsPerRequest: (user + system) / counted,
  userUsPerRequest: user / counted,
  decideP50Ns: decideNs.quantile(0.5),
  decideP99Ns: decideNs.quantile(0.99),
  collections: pauses.length,
  longestPauseMs: Math.max(0, ...pauses),
};
console.log(JSON.stringify(probed));

function fail(error: unknown): never {
  throw error;
}
