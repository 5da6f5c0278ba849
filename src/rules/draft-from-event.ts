// A rule drawn from one event: by the facts that tell it from others and will be the same next time. Process ids, times
// and users' folders are not; the program, the file, the name asked for are.

import type { EcsEvent } from '../events/ecs-event.ts';
import { findFact } from '../events/fact-table.ts';
import type { FactValue } from '../events/facts.ts';
import { actionOfTrigger, type Platform, type Trigger } from '../events/triggers.ts';
import type { DraftCondition } from './rule-draft.ts';

export interface DrawnDraft {
  readonly name: string;
  readonly conditions: readonly DraftCondition[];
}

/** No conditions: the event has nothing that would be the same next time. */
export function drawFromEvent(event: EcsEvent, trigger: Trigger, platform: Platform): DrawnDraft {
  const offers = (fact: string): boolean => findFact(fact, trigger, platform) !== undefined;
  const conditions = candidates(event, trigger)
    .filter(({ fact }) => offers(fact))
    .slice(0, CONDITIONS_MAX);
  return { name: nameFor(event, trigger, platform), conditions };
}

const CONDITIONS_MAX = 4;

function candidates(event: EcsEvent, trigger: Trigger): DraftCondition[] {
  switch (trigger) {
    case 'log':
      return [...same(event, 'log.logger'), ...literal(event, 'message'), ...program(event)];
    case 'dns.query':
    case 'dns.answer':
      return [
        ...same(event, 'dns.question.name'),
        ...same(event, 'dns.question.type'),
        ...same(event, 'dns.response_code'),
        ...program(event),
      ];
    case 'flow':
      return [
        ...orElse(same(event, 'destination.domain'), same(event, 'destination.ip')),
        ...same(event, 'destination.port'),
        ...same(event, 'network.transport'),
        ...program(event),
      ];
    case 'picket':
      return below(event, 'picket', valueAt(event, 'picket'), new Set(['trigger', 'auth', 'reason']));
    default:
      return actionOfTrigger(trigger) === 'exec' ? ofExec(event, trigger) : ofAction(event, trigger);
  }
}

function ofExec(event: EcsEvent, trigger: Trigger): DraftCondition[] {
  const signature = same(event, 'process.code_signature.signing_id');
  const unsigned =
    valueAt(event, 'process.code_signature.exists') === false
      ? same(event, 'process.code_signature.exists')
      : [];
  // An auth.exec asks about the file; what it is called as a program may not be known yet.
  const image = trigger === 'auth.exec' ? orElse(path(event, 'file.path'), program(event)) : program(event);
  return [
    ...orElse(image, path(event, 'file.path')),
    ...path(event, 'exec.script'),
    ...orElse(signature, unsigned),
    ...flags(event),
    ...path(event, 'process.parent.executable'),
  ];
}

function ofAction(event: EcsEvent, trigger: Trigger): DraftCondition[] {
  const action = actionOfTrigger(trigger) ?? '';
  const own = valueAt(event, `es.event.${action}`);
  return [
    ...path(event, 'file.path'),
    ...path(event, 'file.target_path'),
    ...program(event),
    ...below(event, `es.event.${action}`, own, new Set()),
  ];
}

function program(event: EcsEvent): DraftCondition[] {
  return orElse(path(event, 'process.executable'), same(event, 'process.name'));
}

function orElse(first: DraftCondition[], second: DraftCondition[]): DraftCondition[] {
  return first.length > 0 ? first : second;
}

function same(event: EcsEvent, fact: string): DraftCondition[] {
  const value = valueAt(event, fact);
  return isPlain(value) ? [{ fact, operator: 'equal', value, match: value }] : [];
}

const HOME = /^\/(?:home|Users)\/[^/]+(?=\/.)/;
const TEMPORARY =
  /^(?:\/private)?(?:\/tmp\/|\/var\/tmp\/|\/dev\/shm\/|\/var\/folders\/|\/run\/user\/|\/proc\/)/;

/** What of a path will be the same for another user, and another time. */
function path(event: EcsEvent, fact: string): DraftCondition[] {
  const value = valueAt(event, fact);
  if (!isPlain(value) || typeof value !== 'string') return [];
  const temporary = TEMPORARY.exec(value)?.[0];
  if (temporary !== undefined && temporary !== value) {
    return [{ fact, operator: 'startsWith', value: temporary, match: value }];
  }
  const home = HOME.exec(value)?.[0];
  if (home !== undefined)
    return [{ fact, operator: 'endsWith', value: value.slice(home.length), match: value }];
  return [{ fact, operator: 'equal', value, match: value }];
}

const FLAGS_MAX = 2;

/** Options say what a program was asked to do; what follows them differs each time. */
function flags(event: EcsEvent): DraftCondition[] {
  const args = valueAt(event, 'process.args');
  if (!Array.isArray(args) || !args.every((arg) => isPlain(arg) && typeof arg === 'string')) return [];
  const options = [...new Set(args.slice(1) as string[])].filter((arg) =>
    /^--?[A-Za-z][A-Za-z-]*$/.test(arg),
  );
  return options
    .slice(0, FLAGS_MAX)
    .map((value) => ({ fact: 'process.args', operator: 'contains', value, match: args as string[] }));
}

const LITERAL_MIN = 4;

/** The longest run of words without a number in it. */
function literal(event: EcsEvent, fact: string): DraftCondition[] {
  const text = valueAt(event, fact);
  if (!isPlain(text) || typeof text !== 'string') return [];
  const runs = text.split(/\S*[\d/"'<>]\S*/).map((run) => run.trim());
  const longest = runs.reduce((best, run) => (run.length > best.length ? run : best), '');
  if (longest.length < LITERAL_MIN) return [{ fact, operator: 'equal', value: text, match: text }];
  return [{ fact, operator: 'includes', value: longest, match: text }];
}

/** Texts and flags of an object: those that read like names first, numbers left out. */
function below(
  event: EcsEvent,
  name: string,
  value: FactValue,
  without: ReadonlySet<string>,
): DraftCondition[] {
  const found: string[] = [];
  const visit = (at: string, one: FactValue, depth: number): void => {
    if (typeof one !== 'object' || one === null || Array.isArray(one)) {
      if (typeof one === 'string' || typeof one === 'boolean') found.push(at);
      return;
    }
    if (depth > DEPTH_MAX) return;
    for (const [key, entry] of Object.entries(one)) {
      if (!without.has(key) && /^[A-Za-z_]\w*$/.test(key) && key !== 'length')
        visit(`${at}.${key}`, entry, depth + 1);
    }
  };
  visit(name, value, 0);
  const texts = found.filter(
    (at) => typeof valueAt(event, at) === 'string' && !isPassing(valueAt(event, at)),
  );
  const others = found.filter((at) => typeof valueAt(event, at) === 'boolean');
  return [...texts, ...others].slice(0, 2).flatMap((at) => path(event, at).concat(isFlag(event, at)));
}

function isFlag(event: EcsEvent, fact: string): DraftCondition[] {
  return typeof valueAt(event, fact) === 'boolean' ? same(event, fact) : [];
}

const DEPTH_MAX = 4;

/** A time, an id, a hash: another one next time. */
function isPassing(value: FactValue): boolean {
  return (
    typeof value === 'string' &&
    (value === '' ||
      /^\d{4}-\d\d-\d\dT/.test(value) ||
      /^[0-9a-fA-F-]{16,}$/.test(value) ||
      /^\d+$/.test(value))
  );
}

/** What a rule file can hold: no half characters, which stand for bytes that are no UTF-8, and no endless text. */
function isPlain(value: FactValue): value is string | number | boolean {
  if (typeof value === 'string') return value !== '' && value.isWellFormed() && value.length <= TEXT_MAX;
  return typeof value === 'boolean' || (typeof value === 'number' && Number.isSafeInteger(value));
}

const TEXT_MAX = 1024;

function valueAt(event: EcsEvent, name: string): FactValue {
  let value: unknown = event;
  for (const key of name.split('.')) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, key)) return undefined;
    value = (value as Record<string, unknown>)[key];
  }
  return value as FactValue;
}

/** `linux-exec-curl`. */
function nameFor(event: EcsEvent, trigger: Trigger, platform: Platform): string {
  const action = actionOfTrigger(trigger) ?? trigger.replace('.', '-');
  const subject = [
    event.dns?.question?.name,
    event.destination?.domain,
    event.destination?.ip,
    event.log?.logger,
    action === 'exec' ? undefined : event.file?.name,
    event.process?.name,
    event.file?.name,
  ].find((text) => text !== undefined && slug(text) !== '');
  return [platform, slug(action), ...(subject === undefined ? [] : [slug(subject)])].join('-');
}

function slug(text: string): string {
  return text
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-+|-+$/g, '')
    .slice(0, 40)
    .replace(/-+$/, '');
}
