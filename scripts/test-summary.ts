// Adds up the bridge's C tests (lines `PASS name`, `FAIL name`, `SKIP name`) and vitest's JSON report into one closing line.
// A test that was skipped counts as failed in CI: there everything must have run.
import { readFileSync } from 'node:fs';

interface VitestReport {
  readonly numPassedTests: number;
  readonly numFailedTests: number;
  readonly numPendingTests: number;
  readonly numFailedTestSuites: number;
}

const [nativeLog, vitestFile, vitestStatus] = process.argv.slice(2);
if (nativeLog === undefined || vitestFile === undefined) {
  throw new Error('usage: test-summary.ts NATIVE_LOG VITEST_JSON VITEST_STATUS');
}

const native = readFileSync(nativeLog, 'utf8').split('\n');
const count = (word: string): number => native.filter((line) => line.startsWith(`${word} `)).length;
const vitest = readVitest(vitestFile);

const passed = count('PASS') + vitest.numPassedTests;
const skipped = count('SKIP') + vitest.numPendingTests;
let failed = count('FAIL') + vitest.numFailedTests;
// A file that could not even be collected has no failed test of its own.
if (vitestStatus !== '0' && vitest.numFailedTests === 0) failed += Math.max(1, vitest.numFailedTestSuites);
if (count('PASS') === 0) failed += 1;
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
