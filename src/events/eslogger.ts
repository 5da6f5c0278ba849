// A line of eslogger as an ECS event. What ECS has a name for moves there; all else stays under `es` at eslogger's own
// path, so that nothing is lost, whatever the event type, the message version or the vendor.
import type { EcsEvent, EcsFile, EcsProcess } from './ecs-event.ts';
import { esEventType } from './es-event-types.ts';
import { mapAction } from './eslogger-actions.ts';
import { hasKeys, isJson, isTime, isUint32, type Json, keepRest, type Mutable } from './eslogger-file.ts';
import { nameTokens, splitProcess } from './eslogger-process.ts';
import type { FactValue } from './facts.ts';
import { parseLossless } from './lossless-json.ts';
import { EVENT_KIND, triggerOf } from './triggers.ts';

const FIRST_WITH_LISTS = 10; // message version of macOS 26

/** The line is no event of eslogger. */
export class EsloggerLineError extends Error {
  override readonly name = 'EsloggerLineError';
  /** What it looks like instead: text (eslogger's words on stderr), or JSON of something else. */
  readonly looksLike: 'text' | 'json';

  constructor(message: string, looksLike: 'text' | 'json', cause?: unknown) {
    super(message, { cause });
    this.looksLike = looksLike;
  }
}

/** @throws EsloggerLineError */
export function parseEslogger(line: string): EcsEvent {
  const raw = parseLine(line);
  if (Number(raw.version) >= FIRST_WITH_LISTS) nameTokens(raw);
  const action = actionOf(raw);
  const kind = raw.action_type === 0 ? EVENT_KIND.auth : EVENT_KIND.notify;
  const es: Json = {};
  const meta: Mutable<NonNullable<EcsEvent['event']>> = {};
  for (const key of Object.keys(raw)) moveHeader(key, raw[key], raw, meta, es);
  meta.action = action;
  meta.provider = 'eslogger';

  const actor: Mutable<EcsProcess> = {};
  const rawProcess = raw.process;
  if (isJson(rawProcess)) keepRest(es, 'process', splitProcess(rawProcess, actor), rawProcess);

  const event: Mutable<EcsEvent> = { event: meta, host: { os: { type: 'macos' } } };
  const body = (raw.event as Json)[action];
  if (isJson(body)) {
    const file: Mutable<EcsFile> = {};
    const image: Mutable<EcsProcess> = {};
    const rest = mapAction(action, body, { event, meta, actor, image, file });
    (es.event as Json)[action] = rest;
    if (hasKeys(image)) {
      if (hasKeys(actor)) image.previous = actor;
      event.process = image;
    }
    if (hasKeys(file)) event.file = file;
    if (!hasKeys(rest) && hasKeys(body)) delete (es.event as Json)[action];
  }
  if (event.process === undefined && hasKeys(actor)) event.process = actor;
  if (!hasKeys(es.event as Json)) delete es.event;
  if (hasKeys(es)) event.es = es;
  event.picket = { trigger: triggerOf(kind, action) };
  return event;
}

function parseLine(line: string): Json {
  let value: FactValue;
  try {
    value = parseLossless(line);
  } catch (error) {
    const isText = !line.trimStart().startsWith('{');
    const reason = (error as Error).message;
    throw new EsloggerLineError(
      isText ? "no JSON: expected an event a line, eslogger's or in ECS names" : `broken JSON: ${reason}`,
      isText ? 'text' : 'json',
      error,
    );
  }
  if (!isJson(value) || !isJson(value.event)) {
    throw new EsloggerLineError('JSON, but no event of eslogger: it has no "event" object', 'json');
  }
  return value;
}

/** The one name in `event`; where a vendor put others beside it, the one that the number stands for. */
function actionOf(raw: Json): string {
  const names = Object.keys(raw.event as Json);
  if (names.length === 1 && names[0] !== '') return names[0] as string;
  const number = raw.event_type;
  const known = typeof number === 'number' ? esEventType(number)?.name : undefined;
  if (known !== undefined && (names.length === 0 || names.includes(known))) return known;
  throw new EsloggerLineError(
    `"event" should hold one event by its name, found ${names.length === 0 ? 'none' : names.join(', ')}`,
    'json',
  );
}

function moveHeader(
  key: string,
  value: FactValue,
  raw: Json,
  meta: Mutable<NonNullable<EcsEvent['event']>>,
  es: Json,
): void {
  switch (key) {
    case 'time':
      if (isTime(value)) meta.created = value;
      else es[key] = value;
      return;
    case 'event_type':
      // Zero is auth exec, and on the wire a missing number.
      if (isUint32(value) && value !== 0) meta.code = String(value);
      else es[key] = value;
      return;
    case 'action_type':
      if (value !== 0 && value !== 1) es[key] = value;
      return;
    case 'action':
      setOutcome(value, meta);
      es[key] = value;
      return;
    case 'glob_seq_num':
      // A vendor's spelling.
      es[raw.global_seq_num === undefined ? 'global_seq_num' : key] = value;
      return;
    case 'process':
      if (!isJson(value)) es[key] = value;
      return;
    case 'event':
      es[key] = { ...(value as Json) };
      return;
    default:
      es[key] = value;
  }
}

/** Of a notify event: what the kernel was told. Copied, for flags results have more to say. */
function setOutcome(action: FactValue, meta: Mutable<NonNullable<EcsEvent['event']>>): void {
  const result = isJson(action) ? action.result : undefined;
  const inner = isJson(result) ? result.result : undefined;
  const auth = isJson(inner) ? inner.auth : undefined;
  if (auth === 0) meta.outcome = 'success';
  else if (auth === 1) meta.outcome = 'failure';
}
