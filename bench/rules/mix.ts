// The rules and events that are measured, drawn from data/rules-mix.yaml. Rules are read by Picket's own loader, so each
// is one that a person could have written.

import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import { decodeEvent } from '../../src/events/decode-event.ts';
import type { EcsEvent } from '../../src/events/ecs-event.ts';
import { encodeEvent } from '../../src/events/encode-event.ts';
import { completeEvent } from '../../src/events/object-facts.ts';
import type { Trigger } from '../../src/events/triggers.ts';
import { parseRules, requireRuleSet } from '../../src/rules/load.ts';
import type { RuleSet } from '../../src/rules/schema.ts';
import { type BenchEvent, PLATFORM } from './bench-event.ts';
import { Drawing, type Pools } from './drawing.ts';
import { type Random, seeded } from './random.ts';

interface Template {
  readonly kind: string;
  readonly weight: number;
  readonly on: readonly Trigger[];
  readonly conditions: unknown;
  readonly hit: unknown;
}

interface EventTemplate {
  readonly weight: number;
  readonly trigger: Trigger;
  readonly facts: unknown;
}

interface MixFile {
  readonly seed: number;
  readonly digest: string;
  readonly pools: Pools;
  readonly conditions: unknown;
  readonly rules: readonly Template[];
  readonly events: readonly EventTemplate[];
}

interface DrawnRule {
  readonly template: Template;
  readonly drawing: Drawing;
}

const FILE = join(import.meta.dirname, '../data/rules-mix.yaml');
/** The fifth of ten: whoever is too slow for more sees one. */
export const HIT_AT = 4;
export const SIZES = [10, 100, 1_000, 10_000] as const;

export interface Mix {
  /** The first `count` of one endless row of rules: a larger set holds the smaller one. */
  rules(count: number): RuleSet;
  /** Everyday events are the same for every set; each tenth is made to match one of its rules. */
  events(count: number, rules: number): readonly BenchEvent[];
  everydayEvents(count: number, trigger: Trigger): readonly EcsEvent[];
  /** Of every rule and event above. */
  readonly digest: string;
  readonly expectedDigest: string;
}

export function readMix(): Mix {
  const file = parse(readFileSync(FILE, 'utf8'), { merge: true }) as MixFile;
  const drawn = drawRules(file, SIZES[3]);
  const written = drawn.map(({ template, drawing }, index) => ({
    name: `${template.kind} ${index + 1}`,
    on: template.on,
    severity: 'medium',
    conditions: drawing.fill(template.conditions),
    event: { type: 'alert' },
  }));
  const text = JSON.stringify({ conditions: file.conditions, rules: written });
  const whole = requireRuleSet(parseRules([{ file: 'rules-mix.json', text }], { platform: PLATFORM }));
  const mix = {
    rules: (count: number): RuleSet => ({ ...whole, rules: whole.rules.slice(0, count) }),
    events: (count: number, rules: number): readonly BenchEvent[] =>
      drawEvents(file, drawn.slice(0, rules), count),
    everydayEvents: (count: number, trigger: Trigger): readonly EcsEvent[] => {
      const random = seeded(file.seed);
      const deck = deckOf(file.events.filter((event) => event.trigger === trigger));
      return Array.from({ length: count }, () => drawEvent(random.pick(deck), file.pools, random));
    },
  };
  return { ...mix, digest: digestOf(written, mix.events), expectedDigest: file.digest };
}

function drawRules(file: MixFile, count: number): readonly DrawnRule[] {
  const random = seeded(file.seed);
  const deck = deckOf(file.rules);
  return Array.from({ length: count }, () => ({
    template: random.pick(deck),
    drawing: new Drawing(file.pools, random),
  }));
}

function drawEvents(file: MixFile, rules: readonly DrawnRule[], count: number): readonly BenchEvent[] {
  const everyday = seeded(file.seed + 1);
  const hits = seeded(file.seed + 2);
  const deck = deckOf(file.events);
  return Array.from({ length: count }, (_, index) => {
    const event = drawEvent(everyday.pick(deck), file.pools, everyday);
    if (index % 10 !== HIT_AT) return benchEvent(event);
    const { template, drawing } = hits.pick(rules);
    const trigger = hits.pick(template.on);
    const base = file.events.find((one) => one.trigger === trigger);
    if (base === undefined) throw new Error(`no everyday event of ${trigger}`);
    const hit = drawing.again(hits).fill(template.hit);
    return benchEvent(overlay(drawEvent(base, file.pools, hits), hit) as EcsEvent);
  });
}

function drawEvent({ trigger, facts }: EventTemplate, pools: Pools, random: Random): EcsEvent {
  const drawn = new Drawing(pools, random).fill(facts) as EcsEvent;
  return { ...drawn, picket: { trigger }, host: { os: { type: PLATFORM } } } as EcsEvent;
}

export function benchEvent(event: EcsEvent): BenchEvent {
  const bytes = encodeEvent(event);
  const object = decodeEvent(bytes);
  const trigger = event.picket?.trigger;
  if (trigger === undefined) throw new Error('an event without a trigger');
  return { trigger, bytes, object, complete: completeEvent(object) };
}

/** As many cards of each kind as its weight says. */
function deckOf<T extends { readonly weight: number }>(templates: readonly T[]): readonly T[] {
  return templates.flatMap((template) => new Array<T>(template.weight).fill(template));
}

function overlay(base: unknown, over: unknown): unknown {
  if (!isMap(base) || !isMap(over)) return over;
  const merged: Record<string, unknown> = { ...base };
  for (const [key, value] of Object.entries(over)) merged[key] = overlay(base[key], value);
  return merged;
}

function isMap(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

const EVENTS_IN_DIGEST = 1_000;

function digestOf(rules: unknown, events: Mix['events']): string {
  const hash = createHash('sha256').update(JSON.stringify(rules));
  for (const size of SIZES) for (const { bytes } of events(EVENTS_IN_DIGEST, size)) hash.update(bytes);
  return hash.digest('hex');
}
