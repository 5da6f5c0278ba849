// Passes the first event of a key and holds back its repeats for a window. When the window closes, the last repeat goes
// on as a summary with the number held back before it: a count, never silence. Alerts and auth verdicts always pass.
import { LRUCache } from 'lru-cache';
import {
  asyncScheduler,
  Observable,
  type OperatorFunction,
  type SchedulerLike,
  type Subscription,
} from 'rxjs';
import { annotate, encodeAnnotations } from '../events/annotate.ts';
import { EncodedFacts } from '../events/encoded-facts.ts';
import { EVENT_KIND, type Trigger } from '../events/triggers.ts';
import type { Ledger } from '../observe/ledger.ts';
import type { FlowBatch, FlowEvent } from './flow.ts';
import { compileKey, type KeyTemplate } from './key-template.ts';

interface DedupeRule {
  readonly triggers: readonly Trigger[];
  /** As in `{process.executable} {file.path}`: events whose texts are equal are repeats. */
  readonly key: string;
}

export interface DedupeOptions {
  readonly rules: readonly DedupeRule[];
  readonly windowMs: number;
  /** Keys remembered; beyond, the window of the one least seen closes early. */
  readonly maxKeys: number;
  readonly ledger: Ledger;
  readonly scheduler?: SchedulerLike;
}

interface Window {
  readonly closesAt: number;
  suppressed: number;
  last: FlowEvent | undefined;
  batch: FlowBatch;
}

/** Completion closes all windows, an error too, before it passes; unsubscription lets them go. */
export function dedupe(options: DedupeOptions): OperatorFunction<FlowBatch, FlowBatch> {
  const { windowMs, maxKeys, ledger, scheduler = asyncScheduler } = options;
  const templates = templatesOf(options.rules);
  if (templates.size === 0) return (source) => source;
  return (source) =>
    new Observable((subscriber) => {
      const facts = new EncodedFacts();
      let opened: { readonly key: string; readonly window: Window }[] = [];
      let closed: Window[] = [];
      const windows = new LRUCache<string, Window>({
        max: maxKeys,
        dispose: (window) => {
          if (window.suppressed > 0) closed.push(window);
        },
      });
      let timer: Subscription | undefined;

      const emitClosed = (): void => {
        const ready = closed;
        closed = [];
        for (const window of ready) {
          if (window.last === undefined) continue;
          ledger.summaries++;
          subscriber.next({ ...window.batch, events: [summaryOf(window.last, window.suppressed)] });
        }
      };

      // All windows are equally long: they close in the order in which they opened.
      const closeExpired = (): void => {
        timer = undefined;
        const now = scheduler.now();
        let count = 0;
        for (const { key, window } of opened) {
          if (window.closesAt > now) break;
          // A key pushed out, and perhaps opened anew since, has another window or none.
          if (windows.peek(key) === window) windows.delete(key);
          count++;
        }
        opened.splice(0, count);
        emitClosed();
        const [next] = opened;
        if (next) timer = scheduler.schedule(closeExpired, next.window.closesAt - now);
      };

      /** True: a window of the event's key is open, and now it holds this repeat. */
      const isRepeat = (event: FlowEvent, batch: FlowBatch): boolean => {
        if (event.kind === EVENT_KIND.auth || event.decision?.hasAlerts) return false;
        const template = templates.get(event.trigger);
        if (template === undefined) return false;
        let key: string;
        try {
          key = template(facts.reset(event.bytes));
        } catch {
          return false; // damaged inside: its like is not looked for, and it goes on as it is
        }
        const window = windows.get(key);
        const now = scheduler.now();
        if (window && window.closesAt > now) {
          window.suppressed++;
          window.last = event;
          window.batch = emptyOf(batch);
          return true;
        }
        const opening: Window = {
          closesAt: now + windowMs,
          suppressed: 0,
          last: undefined,
          batch: emptyOf(batch),
        };
        windows.set(key, opening);
        opened.push({ key, window: opening });
        // Keys pushed out leave their entries behind, however many come in one window.
        if (opened.length > 2 * maxKeys)
          opened = opened.filter((one) => windows.peek(one.key) === one.window);
        timer ??= scheduler.schedule(closeExpired, windowMs);
        return false;
      };

      const subscription = source.subscribe({
        next(batch) {
          const events: FlowEvent[] = [];
          for (const event of batch.events) {
            if (isRepeat(event, batch)) {
              ledger.deduplicated++;
              event.origin?.settle();
            } else {
              events.push(event);
            }
          }
          subscriber.next(events.length === batch.events.length ? batch : { ...batch, events });
          emitClosed();
        },
        error(error) {
          windows.clear();
          emitClosed();
          subscriber.error(error);
        },
        complete() {
          windows.clear();
          emitClosed();
          subscriber.complete();
        },
      });
      return () => {
        timer?.unsubscribe();
        subscription.unsubscribe();
      };
    });
}

function templatesOf(rules: readonly DedupeRule[]): ReadonlyMap<Trigger, KeyTemplate> {
  return new Map(
    rules.flatMap(({ triggers, key }) =>
      triggers.map((trigger) => [trigger, compileKey(trigger, key)] as const),
    ),
  );
}

/** A copy: the repeat itself is counted as deduplicated and settled. */
function summaryOf(
  { bytes, sequence, trigger, kind, action, decision }: FlowEvent,
  suppressed: number,
): FlowEvent {
  const annotated = annotate(bytes, encodeAnnotations({ suppressed }));
  return { bytes: annotated, sequence, trigger, kind, action, ...(decision ? { decision } : {}) };
}

/** What a summary needs of its batch, and nothing that would keep the batch's events alive. */
function emptyOf({ bridgeInstance, host }: FlowBatch): FlowBatch {
  return { events: [], losses: [], malformed: 0, bridgeInstance, ...(host ? { host } : {}) };
}
