// What in an event that somebody wrote is most likely a mistake: names that no fact and no trigger has, and a platform that
// it does not say. Each is told once.
import { EncodedFacts } from '../../events/encoded-facts.ts';
import { slotOf } from '../../events/facts.ts';
import type { Platform } from '../../events/triggers.ts';
import { allTriggers, isKnownTrigger } from '../../rules/known-triggers.ts';
import { didYouMean, nearestName } from '../../rules/nearest.ts';
import type { RuleDefinition } from '../../rules/schema.ts';
import type { FileEvent } from '../../sources/event-file.ts';
import { nameOfInput } from '../fault-report.ts';
import { say } from '../output.ts';
import { unknownFacts } from './unknown-facts.ts';

/** Of events that say nothing of it, where the rules are for both. */
export const UNSTATED_PLATFORM: Platform = 'macos';

export class EventDoubts {
  readonly #file: string;
  readonly #told = new Set<string>();

  constructor(file: string) {
    this.#file = nameOfInput(file);
  }

  /** @param platform undefined: neither the event nor anybody says it */
  tell(event: FileEvent, platform: Platform | undefined): void {
    const { number, trigger, written } = event;
    const meant =
      written === undefined || isKnownTrigger(trigger) ? trigger : nearestName(trigger, allTriggers());
    if (meant !== trigger)
      this.#once(trigger, number, `no trigger is named ${trigger}${didYouMean(meant, '')}`);
    if (platform === undefined) {
      const guess = `it does not say its platform and is taken for ${UNSTATED_PLATFORM}; --platform says otherwise`;
      this.#once('platform', number, guess);
    }
    for (const { name, nearest } of unknownFacts(event, platform ?? UNSTATED_PLATFORM)) {
      this.#once(name, number, `no fact is named ${name}, so it is left out${didYouMean(nearest, '')}`);
    }
  }

  #once(key: string, number: number, text: string): void {
    if (this.#told.has(key)) return;
    this.#told.add(key);
    say(`${this.#file}: event ${number}: ${text}`);
  }
}

/** That of all the rules, where it is one. */
export function onlyPlatformOf(rules: readonly RuleDefinition[]): Platform | undefined {
  const [only, ...more] = new Set(rules.flatMap(({ platforms }) => platforms));
  return more.length === 0 ? only : undefined;
}

/** As the event says. */
export function platformIn({ bytes }: FileEvent): Platform | undefined {
  const slot = slotOf('host.os.type');
  const stated = slot === undefined ? undefined : new EncodedFacts().reset(bytes).get(slot);
  return stated === 'linux' || stated === 'macos' ? stated : undefined;
}
