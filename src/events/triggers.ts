// What a rule may be `on:`. A trigger is made from an event's kind and action, and names both.

export type Trigger =
  | `auth.${string}`
  | `notify.${string}`
  | 'log'
  | 'dns.query'
  | 'dns.answer'
  | 'flow'
  | 'picket';

export type Platform = 'macos' | 'linux';

/** picket.v1.EventKind. */
export const EVENT_KIND = {
  unspecified: 0,
  auth: 1,
  notify: 2,
  log: 3,
  dnsQuery: 4,
  dnsAnswer: 5,
  flow: 6,
  picket: 7,
} as const;

const known = new Map<string, Trigger>();
const KNOWN_MAX = 4096; // actions come from outside; the interned ones stay bounded

/** The trigger of an event. A kind newer than this code is treated as told after the fact. */
export function triggerOf(kind: number, action: string): Trigger {
  switch (kind) {
    case EVENT_KIND.log:
      return 'log';
    case EVENT_KIND.dnsQuery:
      return 'dns.query';
    case EVENT_KIND.dnsAnswer:
      return 'dns.answer';
    case EVENT_KIND.flow:
      return 'flow';
    case EVENT_KIND.picket:
      return 'picket';
  }
  const key = kind === EVENT_KIND.auth ? `auth.${action}` : `notify.${action}`;
  const found = known.get(key);
  if (found !== undefined) return found;
  const trigger = key as Trigger;
  if (known.size < KNOWN_MAX) known.set(key, trigger);
  return trigger;
}

/** The kind that a trigger stands for. */
export function kindOfTrigger(trigger: Trigger): number {
  switch (trigger) {
    case 'log':
      return EVENT_KIND.log;
    case 'dns.query':
      return EVENT_KIND.dnsQuery;
    case 'dns.answer':
      return EVENT_KIND.dnsAnswer;
    case 'flow':
      return EVENT_KIND.flow;
    case 'picket':
      return EVENT_KIND.picket;
  }
  return trigger.startsWith('auth.') ? EVENT_KIND.auth : EVENT_KIND.notify;
}

/** `exec` of `auth.exec`; undefined for triggers that have no action of their own. */
export function actionOfTrigger(trigger: Trigger): string | undefined {
  if (trigger.startsWith('auth.')) return trigger.slice(5);
  return trigger.startsWith('notify.') ? trigger.slice(7) : undefined;
}
