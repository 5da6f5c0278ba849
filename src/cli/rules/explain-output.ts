// Explained events as they come: one is shown whole; of several a line each, unless they were asked for by number.
import { decodeEvent } from '../../events/decode-event.ts';
import type { EcsEvent } from '../../events/ecs-event.ts';
import type { EventExplanation } from '../../rules/explain-event.ts';
import type { RuleDefinition } from '../../rules/schema.ts';
import type { FileEvent } from '../../sources/event-file.ts';
import { describeSubject } from '../event-line.ts';
import { painterFor, say, writeOut } from '../output.ts';
import { plainExplanation } from './explain-json.ts';
import { describeBriefly, describeEvent } from './explain-text.ts';
import { recordedAnswer } from './recorded-answer.ts';

export interface OutputOptions {
  readonly at?: readonly number[];
  readonly json?: boolean;
}

interface Shown {
  readonly title: string;
  readonly recorded: string | undefined;
  readonly explanation: EventExplanation;
}

export class ExplainOutput {
  readonly #options: OutputOptions;
  readonly #wanted: ReadonlySet<RuleDefinition>;
  #held: Shown | undefined;
  count = 0;

  constructor(options: OutputOptions, wanted: ReadonlySet<RuleDefinition>) {
    this.#options = options;
    this.#wanted = wanted;
  }

  async add(event: FileEvent, explanation: EventExplanation): Promise<void> {
    this.count++;
    const { at, json } = this.#options;
    const decoded = decodeEvent(event.bytes);
    const shown: Shown = {
      title: titleOf(decoded, event.number, explanation),
      recorded: recordedAnswer(decoded),
      explanation,
    };
    if (json === true) {
      const plain = JSON.stringify(
        plainExplanation(event.number, shown.recorded, explanation, this.#wanted),
        null,
        2,
      );
      await writeOut(`${this.count === 1 ? '{"events":[' : ','}\n${plain}`);
    } else if (at !== undefined) {
      await this.#whole(shown);
    } else if (this.count === 1) {
      // Whether it is the only one is not known before the next.
      this.#held = shown;
    } else {
      await this.#brief();
      this.#held = shown;
      await this.#brief();
    }
  }

  async end(): Promise<void> {
    if (this.#options.json === true) {
      await writeOut(this.count === 0 ? '{"events":[]}\n' : '\n]}\n');
      return;
    }
    if (this.#held !== undefined) await this.#whole(this.#held);
    else if (this.count > 1 && this.#options.at === undefined) say('--at N shows one of them whole');
  }

  async #brief(): Promise<void> {
    const held = this.#held;
    this.#held = undefined;
    if (held === undefined) return;
    const isAsked = (one: EventExplanation['rules'][number]): boolean =>
      this.#wanted.has(one.rule) && one.notAsked === undefined;
    if (this.#wanted.size > 0 && !held.explanation.rules.some(isAsked)) return;
    await writeOut(describeBriefly(held.title, held.explanation, this.#wanted, painterFor(process.stdout)));
  }

  async #whole({ title, recorded, explanation }: Shown): Promise<void> {
    const isFirst = this.count === 1;
    await writeOut(
      `${isFirst ? '' : '\n'}${describeEvent(title, recorded, explanation, this.#wanted, painterFor(process.stdout))}`,
    );
  }
}

function titleOf(event: EcsEvent, number: number, { trigger, platform }: EventExplanation): string {
  const subject = describeSubject(event);
  return `event ${number}: ${trigger} on ${platform}${subject === '' ? '' : `, ${subject}`}`;
}
