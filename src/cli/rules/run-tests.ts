// One run of tests: rule files and test files are loaded, everything in them that can be tested is.
import { readFile } from 'node:fs/promises';
import type { Platform } from '../../events/triggers.ts';
import { isMap } from '../../rules/document-map.ts';
import type { FileTest } from '../../rules/file-test.ts';
import { parseFileTests } from '../../rules/file-test-parser.ts';
import { FileTestRunner, type RecordedEvent, type Recording } from '../../rules/file-tests.ts';
import { type LoadedRules, loadRules } from '../../rules/load.ts';
import { nameMatcher } from '../../rules/name-pattern.ts';
import { parseRuleDocument } from '../../rules/rule-document.ts';
import type { RuleProblem } from '../../rules/rule-problem.ts';
import type { RuleDefinition } from '../../rules/schema.ts';
import { Coverage, type CoverageReport } from '../../rules/test-coverage.ts';
import { parseTestFile } from '../../rules/test-file-parser.ts';
import { readTestFiles } from '../../rules/test-files.ts';
import { testedNames } from '../../rules/tested-names.ts';
import { TestedRules } from '../../rules/tested-rules.ts';
import { type TestResult, testRules } from '../../rules/testing.ts';
import { eventsOfFile } from '../../sources/event-file.ts';
import { describeFault } from '../fault-report.ts';
import { rulesNamed } from './named-rules.ts';
import { rulesFor } from './options.ts';
import { holdsNone } from './usable-rules.ts';

export interface TestRunOptions {
  readonly platform?: Platform | undefined;
  /** Names or patterns; none: every rule. */
  readonly rules: readonly string[];
  readonly withCoverage: boolean;
  readonly onProgress?: (done: number, all: number) => void;
}

export interface TestRun {
  /** In rule files and test files. */
  readonly errors: readonly RuleProblem[];
  readonly results: readonly TestResult[];
  readonly rules: number;
  /** Rules that neither tests of their own nor a test file is about. */
  readonly untested: readonly RuleDefinition[];
  readonly coverage: CoverageReport | undefined;
  /** Every file that had a part in it, for watching. */
  readonly files: readonly string[];
}

export async function runTests(paths: readonly string[], options: TestRunOptions): Promise<TestRun> {
  const problems: RuleProblem[] = [];
  const report = (problem: RuleProblem): void => void problems.push(problem);
  const texts = await readTestFiles(paths, report);
  const documents = texts.flatMap((text) => parseTestFile(text, report) ?? []);
  const loaded = await loadRules([...paths, ...documents.flatMap(({ load }) => load)], {
    platform: options.platform,
  });
  problems.unshift(...loaded.problems);
  const wanted = wantedRules(rulesFor(loaded, options), options.rules, problems);
  const isNone = loaded.ruleSet.rules.length === 0 && problems.every(({ severity }) => severity !== 'error');
  if (isNone) problems.push(...paths.map(holdsNone));
  const context = { tested: new TestedRules(loaded.ruleSet, await brokenRules(loaded)), report };
  const ofFiles = documents
    .flatMap((document) => parseFileTests(document, context))
    .filter((test) => concerns(test, wanted, options));
  const { tested } = testedNames(documents);
  const ruleSet = { ...loaded.ruleSet, rules: wanted };
  const coverage = options.withCoverage ? new Coverage(ruleSet, loaded.places) : undefined;
  const all = wanted.reduce((sum, { tests }) => sum + tests.length, ofFiles.length);
  let done = 0;
  const onResult = (): void => options.onProgress?.(++done, all);
  const results = await testRules(ruleSet, { coverage, onResult });
  const recordings = new Set<string>();
  const readRecording = (path: string): Promise<Recording> => {
    recordings.add(path);
    return recordingOf(path);
  };
  const runner = new FileTestRunner(loaded.ruleSet, { readRecording, coverage, onResult });
  for (const test of ofFiles) results.push(await runner.run(test));
  return {
    errors: problems.filter(({ severity }) => severity === 'error'),
    results,
    rules: wanted.length,
    untested: wanted.filter(({ name, tests }) => tests.length === 0 && !tested.has(name)),
    coverage: coverage?.report(),
    files: [...loaded.files, ...texts.map(({ file }) => file), ...recordings],
  };
}

function wantedRules(
  rules: readonly RuleDefinition[],
  patterns: readonly string[],
  problems: readonly RuleProblem[],
): readonly RuleDefinition[] {
  if (patterns.length === 0) return rules;
  // Where files are wrong the rule that is meant may be in one of them.
  const isWhole = problems.every(({ severity }) => severity !== 'error');
  const named = isWhole ? rulesNamed(patterns, rules) : undefined;
  return rules.filter(
    (rule) => named?.has(rule) ?? patterns.some((pattern) => nameMatcher(pattern)(rule.name)),
  );
}

/** With rules picked out: the tests that name one of them. */
function concerns(
  { rule, rules, expect }: FileTest,
  wanted: readonly RuleDefinition[],
  { rules: patterns, platform }: TestRunOptions,
): boolean {
  if (patterns.length === 0) return platform === undefined || rules.some((one) => wanted.includes(one));
  if (rule !== undefined) return wanted.includes(rule);
  const names = new Set([...(expect.only ?? []), ...(expect.counts?.keys() ?? [])]);
  return wanted.some(({ name }) => names.has(name));
}

/** Read whole: a recording in a test is as short as its author can make it. */
async function recordingOf(path: string): Promise<Recording> {
  const read: RecordedEvent[] = [];
  const faults: string[] = [];
  const events = eventsOfFile(path, {
    onFault: (fault) => faults.push(describeFault({ file: path, ...fault })),
  });
  for await (const { bytes, trigger, number } of events) {
    read.push({ bytes, trigger, number });
  }
  return { events: read, faults };
}

/** Names of rules that did not load, so that a test of one is not told that it does not exist. */
async function brokenRules({ problems, ruleSet }: LoadedRules): Promise<ReadonlySet<string>> {
  const files = new Set(problems.filter(({ severity }) => severity === 'error').map(({ file }) => file));
  const names = new Set<string>();
  for (const file of files) {
    const text = await readFile(file, 'utf8').catch(() => '');
    for (const name of namesIn(parseRuleDocument(file, text, () => undefined)?.value)) names.add(name);
  }
  for (const { name } of ruleSet.rules) names.delete(name);
  return names;
}

function namesIn(document: unknown): readonly string[] {
  const rules: unknown = isMap(document) ? document.rules : document;
  if (!Array.isArray(rules)) return [];
  return rules.flatMap((rule: unknown) => (isMap(rule) && typeof rule.name === 'string' ? [rule.name] : []));
}
