// What the demo writes on stdout: headings, acts, what the kernel said, what came back from JetStream. Made for a
// terminal of 100 columns.
import { answerOf, describeSubject, paintOf } from '../cli/event-line.ts';
import {
  formatCount,
  formatMicros,
  formatTable,
  type Painter,
  padTo,
  painterFor,
  shorten,
} from '../cli/output.ts';
import type { EcsEvent } from '../events/ecs-event.ts';
import { displayText } from '../events/text.ts';
import type { AgentBooks, LaneBooks } from './books.ts';
import type { Percentiles } from './percentiles.ts';
import type { Claim } from './verify.ts';

const NAME_WIDTH = 14;
const TRIGGER_WIDTH = 12;
const ANSWER_WIDTH = 8;
const SUBJECT_MAX = 68;
const DETAIL_MAX = 70;
const CLAIM_WIDTH = 48;

/** Who answered, by the names of picket.v1.AnswerLevel. */
const LEVELS: ReadonlyMap<string, string> = new Map([
  ['agent', 'the agent'],
  ['slow_lane', "the agent's slow lane"],
  ['static', 'the bridge itself'],
  ['default_deadline', 'default: budget over'],
  ['default_breaker', 'default: agent stalled'],
  ['default_no_agent', 'default: no agent'],
  ['default_failed', 'default: no evaluation'],
  ['overload', 'default: overload'],
  ['exempt_actor', 'never asked'],
  ['never_denied', 'never denied'],
]);

export class Screen {
  readonly paint: Painter;

  constructor() {
    this.paint = painterFor(process.stdout);
  }

  line(text = ''): void {
    process.stdout.write(`${text}\n`);
  }

  heading(text: string): void {
    this.line();
    this.line(this.paint('bold', text));
  }

  part(name: string, text: string): void {
    this.line(`  ${padTo(name, NAME_WIDTH)}  ${text}`);
  }

  act(number: number, title: string, command: string): void {
    this.line();
    this.line(`${this.paint('bold', `${number}. ${title}`)}`);
    this.line(`   ${this.paint('cyan', `$ ${command}`)}`);
  }

  outcome(error: string, tookUs: number, output: string): void {
    const took = this.paint('dim', `after ${formatMicros(tookUs)} by the caller's clock`);
    if (error !== '') this.line(`   ${this.paint('red', error)} ${took}`);
    else {
      const [said = ''] = displayText(output.trimEnd()).split('\\x0a');
      this.line(`   ${said === '' ? 'done' : `"${shorten(said, SUBJECT_MAX)}"`} ${took}`);
    }
  }

  /** An event as it was read back: what, the verdict and who gave it, how long it took, which rules. */
  event(event: EcsEvent, root: string): void {
    const { auth, rules = [], shadow = [], alerts = [] } = event.picket ?? {};
    const answer = answerOf(event);
    const subject = shorten(describeSubject(withoutRoot(event, root)), SUBJECT_MAX);
    const head = `   ${this.paint('dim', '←')} ${padTo(event.picket?.trigger ?? '?', TRIGGER_WIDTH)}`;
    this.line(`${head} ${padTo(this.paint(paintOf(answer), answer), ANSWER_WIDTH)} ${subject}`);
    if (auth !== undefined) this.detail(describeTime(auth));
    if (event.file?.path_unresolved === true && answer === 'deny') {
      this.detail('the path could not be resolved: a deny on paths holds if it could');
    }
    const trials = new Set(shadow.map(({ rule }) => rule));
    const enforced = rules.filter((rule) => !trials.has(rule)).map(displayText);
    for (const line of wrap(enforced, DETAIL_MAX)) this.detail(`rule ${line}`);
    for (const { rule, verdict } of shadow) {
      this.detail(this.paint('magenta', `in shadow mode ${displayText(rule ?? '')} would ${verdict ?? ''}`));
    }
    for (const { severity, message, rule } of alerts) {
      this.detail(this.paint('yellow', `alert, ${severity ?? ''}: ${displayText(message ?? rule ?? '')}`));
    }
  }

  detail(text: string): void {
    this.line(`     ${' '.repeat(TRIGGER_WIDTH)} ${text}`);
  }

  missing(trigger: string): void {
    this.line(`   ${this.paint('red', `← ${padTo(trigger, TRIGGER_WIDTH)} did not come back`)}`);
  }

  books(books: AgentBooks): void {
    const { events, alertLane } = books;
    this.line(`  received ${formatCount(books.received)}`);
    this.line(
      `    = forwarded ${formatCount(books.forwarded)} + filtered ${formatCount(books.filtered)}` +
        ` + deduplicated ${formatCount(books.deduplicated)} + shed ${formatCount(books.shed)}`,
    );
    this.line(`  forwarded ${formatCount(books.forwarded)}`);
    this.line(`    ${formatLane(events)}`);
    this.line(`  alerts, which are copies ${formatCount(books.alerts)}`);
    this.line(`    ${formatLane(alertLane)}`);
  }

  latencies(rows: readonly (readonly [what: string, percentiles: Percentiles | undefined])[]): void {
    const table = formatTable(
      [
        { title: '' },
        { title: 'count', align: 'right' },
        { title: 'p50', align: 'right' },
        { title: 'p90', align: 'right' },
        { title: 'p99', align: 'right' },
        { title: 'max', align: 'right' },
      ],
      rows.map(([what, found]) =>
        found === undefined
          ? [what, '0']
          : [
              what,
              formatCount(found.count),
              ...[found.p50, found.p90, found.p99, found.max].map(formatMicros),
            ],
      ),
      (text) => this.paint('dim', text),
    );
    for (const line of table.split('\n')) this.line(`  ${line}`);
  }

  /** The claims; where one does not hold, what the parts complained about. */
  summary(claims: readonly Claim[], complaints: () => readonly string[], notShown?: string): void {
    this.heading('Summary');
    for (const { holds, what, found } of claims) this.verdict(holds, what, found);
    if (notShown !== undefined)
      this.line(`   ?   ${padTo(notShown, CLAIM_WIDTH)}  could not be shown here, see above`);
    if (claims.every(({ holds }) => holds)) return;
    this.heading('What the bridge and the agent complained about');
    for (const line of complaints()) this.line(`  ${displayText(line)}`);
  }

  verdict(holds: boolean, what: string, found: string): void {
    const mark = holds ? this.paint('green', 'yes') : this.paint(['red', 'bold'], 'NO ');
    this.line(`  ${mark}  ${padTo(what, CLAIM_WIDTH)}  ${found}`);
  }
}

/** Paths of the scratch mount are told from its root on, or they would fill the line. */
function withoutRoot(event: EcsEvent, root: string): EcsEvent {
  const cut = (text: string): string => text.replaceAll(`${root}/`, '');
  const { process, file } = event;
  return {
    ...event,
    ...(file?.path === undefined ? {} : { file: { ...file, path: cut(file.path) } }),
    process: {
      ...process,
      ...(process?.executable === undefined ? {} : { executable: cut(process.executable) }),
      ...(process?.command_line === undefined ? {} : { command_line: cut(process.command_line) }),
    },
  };
}

function wrap(words: readonly string[], width: number): readonly string[] {
  const lines: string[] = [];
  for (const word of words) {
    const last = lines.at(-1);
    if (last === undefined || last.length + word.length + 2 > width) lines.push(word);
    else lines[lines.length - 1] = `${last}, ${word}`;
  }
  return lines;
}

function formatLane(lane: LaneBooks): string {
  return (
    `= acknowledged ${formatCount(lane.acknowledged)} + in flight ${formatCount(lane.inFlight)}` +
    ` + waiting ${formatCount(lane.waiting)} + shed ${formatCount(lane.shed)}` +
    ` + dead-lettered ${formatCount(lane.deadLettered)}`
  );
}

function describeTime(auth: NonNullable<NonNullable<EcsEvent['picket']>['auth']>): string {
  const answeredUs = auth.answered_us ?? 0;
  const budgetUs = auth.budget_us ?? 0;
  const by = LEVELS.get(auth.level ?? '') ?? auth.level ?? '?';
  if (budgetUs === 0) return `${formatMicros(answeredUs)}, by ${by}`;
  const share = ((answeredUs / budgetUs) * 100).toFixed(2);
  return `${formatMicros(answeredUs)} of ${formatMicros(budgetUs)} (${share} % of the budget), by ${by}`;
}
