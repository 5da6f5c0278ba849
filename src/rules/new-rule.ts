// A new rule, from a template or an event, whole: with what can be inferred inferred, with tests, and looked through by
// the same code that looks through everybody's rules before anybody gets it.

import type { EcsEvent } from '../events/ecs-event.ts';
import { actionOfTrigger, type Platform, type Trigger } from '../events/triggers.ts';
import { checkRules } from './check/check.ts';
import { isAuthTrigger } from './decision.ts';
import { drawFromEvent } from './draft-from-event.ts';
import { knownTriggers } from './known-triggers.ts';
import { parseRules } from './load.ts';
import { type RuleDraft, writeDraft } from './rule-draft.ts';
import { oneOf, type RuleProblem } from './rule-problem.ts';
import type { RuleTemplate } from './rule-templates.ts';
import type { RuleEventType } from './schema.ts';
import { testRules } from './testing.ts';

export interface NewRuleOptions {
  readonly name?: string | undefined;
  readonly type?: RuleEventType | undefined;
  readonly platform?: Platform | undefined;
}

export interface NewRule {
  readonly name: string;
  readonly trigger: Trigger;
  readonly type: RuleEventType;
  readonly text: string;
}

/** It can't be made of what was given; the message says why and what to do. */
export class NewRuleError extends Error {
  override readonly name = 'NewRuleError';
}

export function ruleFromTemplate(template: RuleTemplate, options: NewRuleOptions): NewRule {
  const platform = options.platform ?? template.platform;
  if (platform !== undefined && !knownTriggers(platform).has(template.trigger)) {
    throw new NewRuleError(`${template.trigger} does not exist on ${platform}`);
  }
  return made({
    ...template.begin(platform),
    name: options.name ?? `new-${template.name.replace(/[^\w-]/g, '-')}`,
    platform,
    ...outcomeFor(template.trigger, options.type),
  });
}

export function ruleFromEvent(
  event: EcsEvent,
  trigger: Trigger,
  platform: Platform,
  options: NewRuleOptions,
): NewRule {
  const outcome = outcomeFor(trigger, options.type, platform);
  const drawn = drawFromEvent(event, outcome.trigger, platform);
  if (drawn.conditions.length === 0) {
    throw new NewRuleError(
      `nothing in this event of ${trigger} would be the same next time: no program, file, name or text`,
    );
  }
  const name = options.name ?? drawn.name;
  return made({
    name,
    platform,
    description: `Drawn from an event of ${trigger}. Say here why it matters, and what an analyst looks at next.`,
    message: `${outcome.trigger} as it was seen before`,
    severity: 'medium',
    conditions: drawn.conditions,
    ...outcome,
  });
}

/**
 * What a rule does where nobody said it. A deny begins in shadow mode: what it would stop is known only after a while.
 * Whoever only wants to know of something asks no program to wait, where the same is told after the fact.
 */
function outcomeFor(
  asked: Trigger,
  type: RuleEventType | undefined,
  platform: Platform = 'linux',
): Pick<RuleDraft, 'trigger' | 'type' | 'isShadow'> {
  if (!isAuthTrigger(asked)) {
    if (type === 'allow' || type === 'deny') {
      throw new NewRuleError(
        `${type} answers auth events, and ${asked} asks nothing: ${oneOf(['alert', 'forward', 'drop', 'tag'])} fits`,
      );
    }
    return { trigger: asked, type: type ?? 'alert', isShadow: false };
  }
  if (type === undefined || type === 'deny' || type === 'allow') {
    return { trigger: asked, type: type ?? 'deny', isShadow: type !== 'allow' };
  }
  const twin: Trigger = `notify.${actionOfTrigger(asked) ?? ''}`;
  if (knownTriggers(platform).has(twin)) return { trigger: twin, type, isShadow: false };
  if (type === 'alert' || type === 'tag') return { trigger: asked, type, isShadow: false };
  throw new NewRuleError(
    `${type} is for events that are told, and ${asked} waits for an answer: allow or deny fits`,
  );
}

function made(draft: RuleDraft): NewRule {
  const { name, trigger, type } = draft;
  return { name, trigger, type, text: writeDraft(draft) };
}

/** What is wrong with it; nothing is what is expected. */
export async function problemsOf({ name, text }: NewRule): Promise<readonly RuleProblem[]> {
  const loaded = parseRules([{ file: `${name}.yaml`, text }]);
  const failed = (await testRules(loaded.ruleSet)).filter(({ status }) => status === 'failed');
  return [
    ...loaded.problems,
    ...checkRules(loaded),
    ...failed.map(
      ({ file, line, column, test, expected, actual }): RuleProblem => ({
        file,
        line,
        column,
        code: 'internal-error',
        message: `the test \`${test}\` expects ${expected} and gets ${actual}`,
        severity: 'error',
      }),
    ),
  ];
}
