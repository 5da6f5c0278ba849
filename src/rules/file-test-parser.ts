// The tests of a test file, turned into tests that can be run; whatever is wrong is reported with its place.

import type { EcsEvent } from '../events/ecs-event.ts';
import type { Platform, Trigger } from '../events/triggers.ts';
import type { Leaf } from './conditions.ts';
import { isMap } from './document-map.ts';
import { parseExpectation } from './file-expectation.ts';
import type { FileTest, GivenEvent, RecordedEvents } from './file-test.ts';
import type { FindingCode } from './finding-codes.ts';
import { checkGiven, touches } from './given-facts.ts';
import { allTriggers, isKnownTrigger } from './known-triggers.ts';
import { didYouMean, nearestName } from './nearest.ts';
import type { DocumentPath, RuleDocument } from './rule-document.ts';
import { describeValue, oneOf, type RuleProblem } from './rule-problem.ts';
import { besideFile } from './rule-text.ts';
import { PLATFORMS, type RuleDefinition } from './schema.ts';
import { explainIssues } from './schema-problems.ts';
import type { TestFileDocument } from './test-file-parser.ts';
import { FILE_TEST_KEYS, fileTestSchema, type WrittenFileTest } from './test-file-schema.ts';
import type { TestedRules } from './tested-rules.ts';

export interface TestContext {
  readonly tested: TestedRules;
  report(problem: RuleProblem): void;
}

/** The tests that are right; the others are reported, each with its place. */
export function parseFileTests(file: TestFileDocument, context: TestContext): FileTest[] {
  const { document } = file;
  const names = new Set<string>();
  return file.tests.flatMap((value, index) => {
    const at: DocumentPath = ['tests', index];
    if (!isMap(value)) {
      context.report({
        ...document.placeOf(at),
        code: 'test-shape',
        message: 'a test is a map',
        found: describeValue(value),
        expected: 'a map with name, events or given, and expect',
        severity: 'error',
      });
      return [];
    }
    const parsed = fileTestSchema.safeParse(value);
    if (parsed.success) return new TestParser(file, at, parsed.data, context).parse(names) ?? [];
    for (const problem of explainIssues(parsed.error.issues, document, at, keysAt)) {
      context.report(plainer(problem));
    }
    return [];
  });
}

function keysAt(path: DocumentPath): readonly string[] {
  return path[0] === 'expect' ? ['matches', 'verdict'] : FILE_TEST_KEYS;
}

/** Of several shapes none fitted: what zod says of that is no help. */
function plainer(problem: RuleProblem): RuleProblem {
  const key = /^(?:the key )?`(\w+)`/.exec(problem.message)?.[1] ?? '';
  const expected = SHAPES[key];
  return expected === undefined || problem.code === 'unknown-key' ? problem : { ...problem, expected };
}

const SHAPES: Readonly<Record<string, string>> = {
  name: 'what is shown, a few words',
  expect:
    'an event type, none, a list of rules that match, `{ matches: … }` with numbers, or `{ verdict: … }` with allow, deny, forward, drop or none',
  events: 'the path of a recording, or a list of them',
  at: 'the number of an event, from 1, or a list of them',
  rules: 'a list of rules, such as `[linux-*]`',
};

/** One test. Each method reports what is wrong with its part. */
class TestParser {
  readonly #document: RuleDocument;
  readonly #at: DocumentPath;
  readonly #test: WrittenFileTest;
  readonly #context: TestContext;
  readonly #filePlatform: Platform | undefined;
  #isGood = true;

  constructor(file: TestFileDocument, at: DocumentPath, test: WrittenFileTest, context: TestContext) {
    this.#document = file.document;
    this.#filePlatform = file.platform;
    this.#at = at;
    this.#test = test;
    this.#context = context;
  }

  parse(names: Set<string>): FileTest | undefined {
    const test = this.#test;
    if (names.has(test.name)) {
      this.#fail(
        ['name'],
        'duplicate-test',
        'another test of this file has this name',
        `\`${test.name}\``,
        'a name of its own',
      );
    }
    names.add(test.name);
    const rules = this.#context.tested.of(test, (at, ...problem) => this.#fail(at, ...problem));
    const rule = test.rule === undefined ? undefined : rules[0];
    const parsed = parseExpectation(
      test.expect,
      {
        rule,
        names: this.#context.tested.namesOf(rules),
        isOne: test.rule !== undefined,
        todo: test.todo,
      },
      (at, ...problem) => this.#fail(['expect', ...at], ...problem),
    );
    const events = this.#events(rule, rules);
    if (!this.#isGood || events === undefined || parsed === undefined) return undefined;
    return {
      ...this.#document.placeOf(this.#at),
      name: test.name,
      rule,
      rules,
      events,
      withExceptions: test.exceptions ?? true,
      expect: parsed.expect,
      todo: parsed.todo,
    };
  }

  #fail(at: DocumentPath, code: FindingCode, message: string, found?: string, expected?: string): void {
    this.#isGood = false;
    const place = this.#document.placeOf([...this.#at, ...at]);
    this.#context.report({ ...place, code, message, found, expected, severity: 'error' });
  }

  #events(
    rule: RuleDefinition | undefined,
    rules: readonly RuleDefinition[],
  ): GivenEvent | RecordedEvents | undefined {
    const { given, events, at, on } = this.#test;
    const trigger = this.#trigger(rule);
    if (given !== undefined && events !== undefined) {
      this.#fail(
        ['given'],
        'test-shape',
        'a test has one source of events',
        '`given` and `events`',
        'one of them',
      );
      return undefined;
    }
    if (events !== undefined) {
      const { file } = this.#document;
      const paths = typeof events === 'string' ? [events] : events;
      return {
        kind: 'recorded',
        files: paths.map((path, index) => ({
          path: besideFile(file, path),
          place: this.#document.placeOf([
            ...this.#at,
            'events',
            ...(typeof events === 'string' ? [] : [index]),
          ]),
        })),
        numbers: at === undefined ? undefined : new Set([at].flat()),
        trigger: on === undefined ? undefined : trigger,
      };
    }
    if (given === undefined) {
      this.#fail(
        [],
        'missing-key',
        'the test has no event',
        undefined,
        '`events:` with the path of a recording, or `given:`',
      );
      return undefined;
    }
    if (at !== undefined) {
      this.#fail(['at'], 'test-shape', '`at` picks events of a recording', '`given`', '`events`');
    }
    const fallback = rule?.on[0];
    const of = trigger ?? fallback;
    if (of === undefined) {
      if (on === undefined) {
        this.#fail(
          [],
          'missing-key',
          'the key `on` is missing: without one rule, nothing says what the event is',
          undefined,
          'a trigger, such as `notify.exec`',
        );
      }
      return undefined;
    }
    return this.#given(given, of, rule, rules);
  }

  #trigger(rule: RuleDefinition | undefined): Trigger | undefined {
    const { on } = this.#test;
    if (on === undefined) return undefined;
    if (!isKnownTrigger(on)) {
      const meant = nearestName(on, allTriggers());
      this.#fail(
        ['on'],
        'unknown-trigger',
        `no trigger is named \`${on}\`${didYouMean(meant)}`,
        describeValue(on),
        meant ?? 'a trigger, such as `notify.exec`',
      );
      return undefined;
    }
    if (rule !== undefined && !rule.on.includes(on)) {
      this.#fail(
        ['on'],
        'wrong-trigger',
        `${rule.name} is not on this trigger`,
        describeValue(on),
        oneOf(rule.on),
      );
      return undefined;
    }
    return on;
  }

  #given(
    given: Readonly<Record<string, unknown>>,
    trigger: Trigger,
    rule: RuleDefinition | undefined,
    rules: readonly RuleDefinition[],
  ): GivenEvent {
    const event = given as EcsEvent;
    const platforms = rule?.platforms ?? PLATFORMS;
    const stated = this.#test.platform ?? event.host?.os?.type ?? this.#filePlatform;
    const considered = stated === undefined ? platforms : [stated];
    const path = [...this.#at, 'given'];
    const problems = checkGiven(given, this.#document, path, trigger, considered);
    for (const problem of problems) this.#context.report(problem);
    if (problems.length > 0) this.#isGood = false;
    const leaves = this.#context.tested.leavesOn(rules, trigger);
    if (problems.length === 0 && rules.length > 0 && !touches(event, leaves) && !isAboutAbsence(leaves)) {
      const subject = rule?.name ?? 'any rule';
      this.#fail(
        ['given'],
        'empty-test',
        `the test \`${this.#test.name}\` asserts nothing: it gives no fact that ${subject} reads on ${trigger}`,
        describeValue(given),
        'a fact that is read, or null where the event lacks it',
      );
    }
    const [only] = platforms;
    return {
      kind: 'given',
      event,
      trigger,
      platform: stated ?? (rule === undefined ? guessPlatform(rules) : (only ?? 'linux')),
    };
  }
}

function guessPlatform(rules: readonly RuleDefinition[]): Platform {
  return rules.some(({ platforms }) => platforms.includes('linux')) ? 'linux' : 'macos';
}

function isAboutAbsence(leaves: readonly Leaf[]): boolean {
  return leaves.some(({ operator }) => operator.endsWith('exists'));
}
