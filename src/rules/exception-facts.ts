// By which facts of recorded events an exception can know them again: who acted and on what, never when, nor by which
// number. Each comes with the reason for it, which the exception's author reads.

import { findFact } from '../events/fact-table.ts';
import { type Facts, type FactValue, slotOf } from '../events/facts.ts';
import { actionOfTrigger, type Platform, type Trigger } from '../events/triggers.ts';
import type { Leaf, Scalar } from './conditions.ts';
import {
  commonFolder,
  commonStart,
  isOwnedPlace,
  isTelling,
  stableFolder,
  stableStart,
} from './stable-values.ts';
import { doubtsOf } from './unresolved-path.ts';

export interface SeenEvent {
  readonly facts: Facts;
  readonly trigger: Trigger;
  readonly platform: Platform;
}

export interface TellingFact {
  /** Its whole name. */
  readonly name: string;
  readonly leaf: Leaf;
  readonly why: string;
}

export interface TellingFacts {
  readonly facts: readonly TellingFact[];
  /** Narrower still, where those are not enough; each may change with the next event. */
  readonly further: readonly TellingFact[];
  /** What was looked at and left out, in words. */
  readonly leftOut: readonly string[];
}

const VALUES_MAX = 20;
/** `bash -c` says nothing. */
const WORDS_MIN = 3;

/** @param readsArguments the rule is about how a program is called */
export function tellingFacts(events: readonly SeenEvent[], readsArguments: boolean): TellingFacts {
  const seen = new Seen(events);
  const facts = [
    ...program(seen, 'process', 'the program'),
    ...program(seen, 'process.previous', 'the program that runs it'),
    ...program(seen, 'process.parent', 'the program that started it'),
    ...seen.path('file.path', 'The file that it is about.'),
    ...seen.path('file.target_path', 'What becomes of the file.'),
    ...seen.value('dns.question.name', 'The name that it asks for.'),
    ...seen.firstOf(['destination.domain', 'destination.ip'], 'Where it connects to.'),
    ...seen.value('destination.port', 'The service there.'),
    ...seen.value('log.logger', 'Who wrote to the log.'),
    ...(readsArguments
      ? seen.words('process.command_line', 'How it was called: others call it otherwise.')
      : []),
    ...seen.firstOf(['process.user.name', 'process.user.id'], 'On whose behalf.'),
  ];
  const leftOut = [...seen.leftOut];
  const names = new Set(facts.map(({ name }) => name));
  const further = [
    ...seen.words('process.command_line', 'How it was called.'),
    ...seen.value('process.hash.sha256', 'The very content of the program; an update changes it.'),
    ...seen.path('process.working_directory', 'Where it was started.'),
  ].filter(({ name }) => !names.has(name));
  return { facts, further, leftOut };
}

/** By its signature where it has one; else by its path, and by its content where anybody could put another there. */
function program(seen: Seen, prefix: string, what: string): TellingFact[] {
  if (!seen.isAbout(prefix)) return [];
  const signature = `${prefix}.code_signature`;
  const by = `Who signed ${what}: stays through updates, and nobody else can sign so.`;
  const signedBy = seen.same(`${signature}.team_id`, by);
  const id = seen.same(`${signature}.signing_id`, `Which of the signer's programs.`);
  if (signedBy.length > 0 && id.length > 0) return [...signedBy, ...id];
  const ofSystem = seen.same(`${signature}.platform_binary`, `Part of the operating system.`);
  if (id.length > 0 && ofSystem[0]?.leaf.value === true) return [...ofSystem, ...id];
  const path = seen.path(`${prefix}.executable`, `Where ${what} is.`);
  const isSafe = seen.values(`${prefix}.executable`)?.every((one) => isOwnedPlace(String(one))) ?? false;
  if (isSafe || prefix !== 'process') return path;
  const hash = seen.value(`${prefix}.hash.sha256`, 'Its content: anybody could put another program there.');
  return [...path, ...hash];
}

class Seen {
  readonly leftOut: string[] = [];
  readonly #events: readonly SeenEvent[];

  constructor(events: readonly SeenEvent[]) {
    this.#events = events;
  }

  /** In exec `previous` is who acts; elsewhere nobody has one. On Linux it is only a copy of the parent. */
  isAbout(prefix: string): boolean {
    return prefix !== 'process.previous' || this.#events.every(({ trigger }) => trigger === 'auth.exec');
  }

  /** Each once; undefined: an event lacks it, or does not know it for sure. */
  values(name: string): readonly Scalar[] | undefined {
    const slot = slotOf(name);
    if (slot === undefined) return undefined;
    const found = new Set<Scalar>();
    for (const { facts, trigger, platform } of this.#events) {
      if (findFact(name, trigger, platform) === undefined) return undefined;
      const value: FactValue = facts.get(slot);
      if (value === undefined || value === null || value === '' || typeof value === 'object')
        return undefined;
      if (doubtsOf(leafOf(name, 'equal', value), trigger).some((flag) => facts.get(flag) === true)) {
        this.#leave(`${name} could not be resolved`);
        return undefined;
      }
      found.add(value);
    }
    return found.size === 0 ? undefined : [...found];
  }

  /** Only where it is the same in all events. */
  same(name: string, why: string): TellingFact[] {
    const values = this.values(name);
    const [value] = values ?? [];
    return value === undefined || values?.length !== 1
      ? []
      : [{ name, leaf: leafOf(name, 'equal', value), why }];
  }

  value(name: string, why: string): TellingFact[] {
    const values = this.values(name);
    if (values === undefined) return [];
    if (values.length <= VALUES_MAX) return [{ name, leaf: oneOfThese(name, values), why }];
    this.#leave(`${name} has ${values.length} values in these events`);
    return [];
  }

  firstOf(names: readonly string[], why: string): TellingFact[] {
    for (const name of names) {
      const found = this.value(name, why);
      if (found.length > 0) return found;
    }
    return [];
  }

  path(name: string, why: string): TellingFact[] {
    // In exec the file is the program.
    if (name === 'file.path' && this.#events.every(({ trigger }) => actionOfTrigger(trigger) === 'exec'))
      return [];
    const paths = this.values(name)?.map(String);
    if (paths === undefined) return [];
    const folders = paths.flatMap((path) => stableFolder(path) ?? []);
    if (folders.length === 0 && paths.length <= VALUES_MAX) {
      return [{ name, leaf: oneOfThese(name, paths), why }];
    }
    const folder = commonFolder(
      folders.length === 0
        ? paths
        : [...folders, ...paths.filter((path) => stableFolder(path) === undefined)],
    );
    if (isTelling(folder)) {
      return [{ name, leaf: leafOf(name, 'startsWith', folder), why: `${why} What follows changes.` }];
    }
    this.#leave(`${name} (${paths[0]}) changes from event to event`);
    return [];
  }

  /** A command line, as far as it is the same each time. */
  words(name: string, why: string): TellingFact[] {
    const lines = this.values(name)?.map(String);
    if (lines === undefined) return [];
    const starts = lines.map(stableStart);
    const isStable = starts.every((start, index) => start === lines[index]);
    if (isStable && lines.length <= VALUES_MAX) return [{ name, leaf: oneOfThese(name, lines), why }];
    const start = commonStart(starts);
    if (start.trim().split(/\s+/).length >= WORDS_MIN) {
      return [{ name, leaf: leafOf(name, 'startsWith', start), why: `${why} What follows changes.` }];
    }
    this.#leave(`${name} (${lines[0]}) changes from event to event`);
    return [];
  }

  #leave(what: string): void {
    if (!this.leftOut.includes(what)) this.leftOut.push(what);
  }
}

function oneOfThese(name: string, values: readonly Scalar[]): Leaf {
  const [only, ...more] = values;
  return only !== undefined && more.length === 0 ? leafOf(name, 'equal', only) : leafOf(name, 'in', values);
}

function leafOf(name: string, operator: string, value: Leaf['value']): Leaf {
  const dot = name.indexOf('.');
  return { fact: name.slice(0, dot), path: `$.${name.slice(dot + 1)}`, operator, value };
}
