// What a run says of one rule: json-rules-engine's RuleResult, which it does not export, from a compiled evaluation.

import type { Almanac, Event } from 'json-rules-engine';
import type { ConditionNode } from './original.ts';

export class RuleResult {
  conditions: ConditionNode;
  event: Event;
  priority: number;
  name: unknown;
  result: unknown;

  constructor(conditions: ConditionNode, event: Event, priority: number, name: unknown, result: boolean) {
    this.conditions = conditions;
    this.event = event;
    this.priority = priority;
    this.name = name;
    this.result = result;
  }

  setResult(result: unknown): void {
    this.result = result;
  }

  /** Reads the facts that the event's parameters refer to. */
  async resolveEventParams(almanac: Almanac): Promise<void> {
    const { params } = this.event;
    if (typeof params !== 'object' || params === null) return;
    const { getValue } = almanac as unknown as { getValue(value: unknown): Promise<unknown> };
    const resolve = async (key: string): Promise<void> => {
      params[key] = await getValue.call(almanac, params[key]);
    };
    await Promise.all(Object.keys(params).map(resolve));
  }

  toJSON(stringify = true): unknown {
    const { conditions, event, priority, name, result } = this;
    const tree = (conditions as { toJSON?(stringify: boolean): unknown }).toJSON?.(false);
    const properties = { conditions: tree, event, priority, name, result };
    return stringify ? JSON.stringify(properties) : properties;
  }
}
