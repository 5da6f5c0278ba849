// One event on one line, for a person: when, what was asked or told, the answer, who did what, which rules, how fast.
// Text from the event is escaped: a file name must not be able to paint the reader's terminal.
import type { EcsEvent, EcsProcess } from '../events/ecs-event.ts';
import { displayText } from '../events/text.ts';
import { answerTime } from './answer-time.ts';
import { formatMicros, type Paint, type Painter, padTo, shorten } from './output.ts';

const TRIGGER_WIDTH = 16;
const ANSWER_WIDTH = 7;
const SUBJECT_MAX = 64;

export function formatEventLine(event: EcsEvent, paint: Painter): string {
  const answer = answerOf(event);
  return [
    paint('dim', timeOf(event)),
    padTo(displayText(event.picket?.trigger ?? event.event?.action ?? '?'), TRIGGER_WIDTH),
    padTo(paint(paintOf(answer), answer), ANSWER_WIDTH),
    describeSubject(event),
    paint('dim', describeActor(event)),
    ...describeRules(event, paint),
    ...describeAnswer(event, paint),
  ]
    .filter((part) => part !== '')
    .join(' ');
}

/** What became of it: for an auth event what the kernel was told. */
export function answerOf(event: EcsEvent): string {
  return event.picket?.auth?.verdict ?? event.picket?.decision ?? '';
}

export function paintOf(answer: string): Paint {
  return answer === 'deny' ? 'red' : answer === 'allow' || answer === 'forward' ? 'green' : 'dim';
}

/** What the event is about: the program, the file, the name asked for. */
export function describeSubject(event: EcsEvent): string {
  const { process, file } = event;
  const difference = event.picket?.shadow_difference;
  if (difference !== undefined) return describeDifference(difference, file?.path);
  if (event.event?.action === 'exec') {
    return display(process?.command_line ?? process?.executable ?? file?.path);
  }
  if (file?.path !== undefined) {
    const unresolved = file.path_unresolved === true ? ' (unresolved)' : '';
    const target = file.target_path === undefined ? '' : ` → ${display(file.target_path)}`;
    return `${display(file.path)}${unresolved}${target}`;
  }
  const question = event.dns?.question;
  if (question?.name !== undefined) return display(`${question.name} ${question.type ?? ''}`);
  if (event.message !== undefined) return display(event.message);
  const { unwatched, takeover, enforcement, overload, mount, rule_set } = event.picket ?? {};
  if (unwatched !== undefined) {
    return `nobody watched for ${durationOf(unwatched.from, unwatched.to)}: no ${displayText(unwatched.who ?? '?')}`;
  }
  if (takeover !== undefined)
    return `agent ${display(takeover.agent)} took over, generation ${takeover.generation}`;
  if (enforcement !== undefined)
    return `enforcement is ${displayText(enforcement.state ?? '?')}: ${display(enforcement.reason)}`;
  if (overload !== undefined) {
    const { uid, denied = 0, allowed = 0 } = overload;
    return `user ${uid} asked too much at once: ${denied} denied, ${allowed} allowed unasked`;
  }
  if (mount !== undefined) {
    const { path, type, guarded, reason } = mount;
    const answer = guarded === true ? 'guarded' : `not guarded, ${display(reason)}`;
    return `mounted ${display(path)} (${displayText(type ?? '?')}): ${answer}`;
  }
  if (rule_set !== undefined)
    return `rules of epoch ${rule_set.epoch}: ${displayText(rule_set.state ?? '?')}, ${display(rule_set.reason)}`;
  return display(process?.command_line ?? process?.executable);
}

type Difference = NonNullable<NonNullable<EcsEvent['picket']>['shadow_difference']>;

/** `path`: of one request on which they differed; undefined: it tells how often alone. */
function describeDifference(difference: Difference, path: string | undefined): string {
  const { enforced_verdict, enforced_rule, shadow_verdict, shadow_rule, times } = difference;
  const of = (verdict = '?', rule = 'no rule'): string => `${displayText(verdict)} (${displayText(rule)})`;
  const rules = `the rules ${of(enforced_verdict, enforced_rule)}, the shadow set ${of(shadow_verdict, shadow_rule)}`;
  return `${rules}, ${times} times${path === undefined ? '' : `, now ${display(path)}`}`;
}

function describeActor(event: EcsEvent): string {
  const actor =
    event.event?.action === 'exec' ? (event.process?.previous ?? event.process?.parent) : event.process;
  const name = nameOf(actor);
  if (name === '') return '';
  const pid = actor?.pid ?? event.process?.pid;
  const user = event.process?.user?.name ?? event.process?.user?.id;
  return `by ${display(name)}${pid === undefined ? '' : `[${pid}]`}${user === undefined ? '' : ` ${display(user)}`}`;
}

function nameOf(process: EcsProcess | undefined): string {
  return process?.name ?? process?.executable?.split('/').at(-1) ?? '';
}

function describeRules(event: EcsEvent, paint: Painter): string[] {
  const { rules = [], alerts = [], shadow = [], suppressed } = event.picket ?? {};
  const parts: string[] = [];
  if (rules.length > 0) parts.push(paint('cyan', `[${rules.map(displayText).join(' ')}]`));
  for (const alert of alerts) {
    parts.push(
      paint('yellow', `alert ${displayText(alert.severity ?? '')}: ${display(alert.message ?? alert.rule)}`),
    );
  }
  for (const { rule, verdict } of shadow) {
    parts.push(paint('magenta', `shadow: ${displayText(rule ?? '')} would ${displayText(verdict ?? '')}`));
  }
  if (suppressed !== undefined && Number(suppressed) > 0) parts.push(paint('dim', `+${suppressed} repeats`));
  return parts;
}

function describeAnswer(event: EcsEvent, paint: Painter): string[] {
  const auth = event.picket?.auth;
  if (auth === undefined) return [];
  const { budget_us = 0, level = '' } = auth;
  const budget = budget_us === 0 ? '' : ` of ${formatMicros(budget_us)}`;
  return [
    paint('dim', `${answerTime(auth)}${budget}`),
    ...(level === '' ? [] : [paint('dim', `by ${displayText(level)}`)]),
  ];
}

/** The local time of the day, milliseconds; the whole of it stands in NDJSON. */
function timeOf(event: EcsEvent): string {
  const created = event.event?.created;
  const time = created === undefined ? Number.NaN : Date.parse(created);
  if (Number.isNaN(time)) return '--:--:--.---';
  const date = new Date(time);
  const two = (value: number): string => String(value).padStart(2, '0');
  const ms = String(date.getMilliseconds()).padStart(3, '0');
  return `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}.${ms}`;
}

function durationOf(from: string | undefined, to: string | undefined): string {
  const ms = Date.parse(to ?? '') - Date.parse(from ?? '');
  return Number.isNaN(ms) ? 'some time' : `${(ms / 1_000).toFixed(1)} s`;
}

function display(text: string | undefined): string {
  return shorten(displayText(text ?? ''), SUBJECT_MAX);
}
