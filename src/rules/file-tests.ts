// Runs the tests of test files: one rule alone, or several together as they would be in force, over recorded events or
// one that is given.

import { EncodedFacts } from '../events/encoded-facts.ts';
import { platformOf } from '../events/event-platform.ts';
import type { Platform, Trigger } from '../events/triggers.ts';
import { type CompiledRules, compileRules } from './compile.ts';
import type { Decision } from './decision.ts';
import type { FileTest } from './file-test.ts';
import { explainShortfall } from './file-test-failure.ts';
import { type Outcome, shortfallsOf, type TestedEvent, textOfOutcome } from './file-test-outcome.ts';
import { givenFacts } from './given-facts.ts';
import type { RuleDefinition, RuleSet } from './schema.ts';
import type { Coverage } from './test-coverage.ts';
import type { TestResult } from './testing.ts';

/** One encoded event of a recording. */
export interface RecordedEvent {
  readonly bytes: Uint8Array;
  readonly trigger: Trigger;
  /** In its file, from 1. */
  readonly number: number;
}

export interface Recording {
  readonly events: readonly RecordedEvent[];
  /** Why not all of it could be read, each with file and place; empty: it could. */
  readonly faults: readonly string[];
}

export interface FileTestOptions {
  /** Reads a recording; asked for each file once. */
  readonly readRecording: (path: string) => Promise<Recording>;
  readonly coverage?: Coverage | undefined;
  readonly onResult?: ((result: TestResult) => void) | undefined;
}

/** Rules that are tested together, on one platform. */
interface Subject {
  readonly compiled: CompiledRules;
  readonly triggers: ReadonlySet<Trigger>;
}

export class FileTestRunner {
  readonly #ruleSet: RuleSet;
  readonly #options: FileTestOptions;
  readonly #recordings = new Map<string, Promise<Recording>>();
  readonly #subjects = new Map<unknown, Map<string, Subject>>();
  /** Of json-rules-engine, while the events of one test are judged. */
  readonly #errors: string[] = [];

  constructor(ruleSet: RuleSet, options: FileTestOptions) {
    this.#ruleSet = ruleSet;
    this.#options = options;
  }

  async run(test: FileTest): Promise<TestResult> {
    const notes: string[] = [];
    const events = await this.#eventsOf(test, notes);
    const isDamaged = notes.length > 0;
    const rules = this.#rulesOf(test);
    const outcome = await this.#judge(test, rules, events, notes);
    if (outcome.asked.length === 0 && notes.length === 0) notes.push(assertsNothing(test, events.length));
    const shortfalls = shortfallsOf(test.expect, outcome);
    const isRight = notes.length === 0 && shortfalls.length === 0;
    // What was not read is the reason, whatever the rest comes to.
    const explained =
      isRight || isDamaged
        ? { why: [], notes: [] }
        : await explainShortfall(shortfalls, rules, this.#ruleSet.conditions, outcome);
    const isTodo = test.todo !== undefined;
    const result: TestResult = {
      rule: test.rule?.name ?? `${test.rules.length} rules`,
      test: test.name,
      file: test.file,
      line: test.line,
      column: test.column,
      status: isTodo ? 'todo' : isRight ? 'passed' : 'failed',
      expected: test.expect.text,
      actual: textOfOutcome(test, outcome),
      isGapClosed: isTodo && isRight,
      why: explained.why,
      notes: [
        ...(isTodo && test.todo !== '' ? [`known gap: ${test.todo}`] : []),
        ...notes,
        ...explained.notes,
      ],
      exceptedBy: [],
    };
    this.#options.onResult?.(result);
    return result;
  }

  async #judge(
    test: FileTest,
    rules: readonly RuleDefinition[],
    events: readonly TestedEvent[],
    notes: string[],
  ): Promise<Outcome> {
    const matches = new Map<string, TestedEvent[]>();
    const verdicts: { event: TestedEvent; decision: Decision }[] = [];
    const asked: TestedEvent[] = [];
    const { coverage } = this.#options;
    for (const event of events) {
      const { trigger, platform } = event;
      const { compiled, triggers } = this.#subjectOf(test, rules, platform);
      if (!triggers.has(trigger)) continue;
      asked.push(event);
      const facts = event.facts();
      const decision = await compiled.decideAsync(trigger, facts);
      verdicts.push({ event, decision });
      for (const { name } of decision.matched) {
        const matched = matches.get(name);
        if (matched === undefined) matches.set(name, [event]);
        else matched.push(event);
      }
      // The rules as they were loaded: coverage knows those.
      if (coverage !== undefined) {
        for (const rule of test.rules) {
          if (rule.on.includes(trigger) && rule.platforms.includes(platform))
            await coverage.see(rule, trigger, facts);
        }
      }
    }
    notes.push(...this.#errors.splice(0));
    return { matches, verdicts, asked };
  }

  #rulesOf({ rule, rules, withExceptions }: FileTest): readonly RuleDefinition[] {
    const chosen = withExceptions ? rules : rules.map((one) => ({ ...one, conditions: one.own }));
    return rule === undefined ? chosen : chosen.map((one) => ({ ...one, mode: 'enforce' as const }));
  }

  /** Compiled once for all tests of the same rules. */
  #subjectOf(
    { rule, rules: key, withExceptions }: FileTest,
    rules: readonly RuleDefinition[],
    platform: Platform,
  ): Subject {
    const variants = this.#subjects.get(rule ?? key) ?? new Map<string, Subject>();
    this.#subjects.set(rule ?? key, variants);
    const variant = `${platform} ${withExceptions}`;
    const known = variants.get(variant);
    if (known !== undefined) return known;
    const onRefereeError = (of: RuleDefinition, error: unknown): void =>
      void this.#errors.push(`json-rules-engine can't evaluate ${of.name}: ${String(error)}`);
    const compiled = compileRules({ ...this.#ruleSet, rules }, { platform, onRefereeError });
    const made = { compiled, triggers: new Set(compiled.triggers()) };
    variants.set(variant, made);
    return made;
  }

  async #eventsOf(test: FileTest, notes: string[]): Promise<readonly TestedEvent[]> {
    const { events } = test;
    if (events.kind === 'given') {
      const { trigger, platform } = events;
      const facts = givenFacts({ ...events.event, picket: { ...events.event.picket, trigger } });
      return [{ name: 'the event', trigger, platform, facts: () => facts }];
    }
    const tested: TestedEvent[] = [];
    for (const { path } of events.files) {
      const recording = await this.#recordingOf(path);
      notes.push(...shortened(recording.faults));
      const count = recording.events.length;
      const isMissing = [...(events.numbers ?? [])].filter(
        (number) => !recording.events.some((event) => event.number === number),
      );
      if (recording.faults.length === 0) {
        notes.push(...isMissing.map((number) => `${path} has no event ${number}: it holds ${count}`));
      }
      const suffix = events.files.length > 1 ? ` of ${path}` : '';
      for (const event of recording.events) {
        if (events.numbers?.has(event.number) === false) continue;
        if (events.trigger !== undefined && event.trigger !== events.trigger) continue;
        tested.push(testedEvent(event, `event ${event.number}${suffix}`));
      }
    }
    return tested;
  }

  #recordingOf(path: string): Promise<Recording> {
    const known = this.#recordings.get(path);
    if (known !== undefined) return known;
    const reading = this.#options.readRecording(path);
    this.#recordings.set(path, reading);
    return reading;
  }
}

const FAULTS_SHOWN = 5;

function shortened(faults: readonly string[]): readonly string[] {
  const more = faults.length - FAULTS_SHOWN;
  return more > 0 ? [...faults.slice(0, FAULTS_SHOWN), `and ${more} more that could not be read`] : faults;
}

function testedEvent({ bytes, trigger }: RecordedEvent, name: string): TestedEvent {
  const platform = platformOf(new EncodedFacts().reset(bytes));
  return { name, trigger, platform, facts: () => new EncodedFacts().reset(bytes) };
}

function assertsNothing({ rule, rules }: FileTest, events: number): string {
  const subject = rule?.name ?? 'any of its rules';
  const triggers = [...new Set(rules.flatMap(({ on }) => on))];
  const shown = triggers.length > 4 ? `${triggers.slice(0, 4).join(', ')}, …` : triggers.join(', ');
  return `this test asserts nothing: of ${events} event${events === 1 ? '' : 's'} none is for ${subject} (${shown})`;
}
