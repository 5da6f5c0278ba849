// Adds up the bridge's C tests (lines `PASS name`, `FAIL name`, `SKIP name`) and runs of vitest (the JSON report NAME.json, the
// exit code in NAME.status) into one closing line.
// A test that was skipped counts as failed in CI: there everything must have run.
import { readFileSync } from 'node:fs';

interface VitestReport {
  readonly numPassedTests: number;
  readonly numFailedTests: number;
  readonly numPendingTests: number;
  readonly numFailedTestSuites: number;
}

const [nativeLog, ...runs] = process.argv.slice(2);
if (nativeLog === undefined || runs.length === 0)
  throw new Error('usage: test-summary.ts NATIVE_LOG VITEST_RUN…');

const native = readFileSync(nativeLog, 'utf8').split('\n');
const count = (word: string): number => native.filter((line) => line.startsWith(`${word} `)).length;

let passed = count('PASS');
let skipped = count('SKIP');
let failed = count('FAIL');
if (passed === 0) failed += 1;
for (const run of runs) {
  const vitest = readVitest(`${run}.json`);
  passed += vitest.numPassedTests;
  skipped += vitest.numPendingTests;
  failed += vitest.numFailedTests;
  // A file that could not even be collected has no failed test of its own.
  const isWell = readFileSync(`${run}.status`, 'utf8').trim() === '0';
  if (!isWell && vitest.numFailedTests === 0) failed += Math.max(1, vitest.numFailedTestSuites);
}
if (process.env.CI !== undefined && skipped > 0) {
  console.log(`${skipped} skipped, which CI does not accept`);
  failed += skipped;
}
console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed === 0 ? 0 : 1;

function readVitest(file: string): VitestReport {
  try {
    return JSON.parse(readFileSync(file, 'utf8'));
  } catch {
    return { numPassedTests: 0, numFailedTests: 0, numPendingTests: 0, numFailedTestSuites: 1 };
  }
}
