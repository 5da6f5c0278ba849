// The event as the synchronous rivals read it: each fact that the rules of its trigger ask for, read once, in one flat
// object whose shape never changes. It is what makes their property reads quick, so their figures include filling it.

import type { EcsEvent } from '../../src/events/ecs-event.ts';
import { isFactReference, type Leaf, type NamedConditions, visitLeaves } from '../../src/rules/conditions.ts';
import { parseOperatorName } from '../../src/rules/decorators.ts';
import type { RuleDefinition } from '../../src/rules/schema.ts';
import { v4Number } from './v4-network.ts';

export type FlatEvent = Readonly<Record<string, unknown>>;
export type Flatten = (event: EcsEvent) => FlatEvent;

/** `process.parent.name` as a property: `process_parent_name`. */
export function flatName(fact: string, path: string | undefined): string {
  return factName(fact, path).replaceAll('.', '_');
}

/** Beside a fact: the text in lower case, the address as a number. */
export const loweredName = (name: string): string => `${name}_lowered`;
export const addressName = (name: string): string => `${name}_address`;

export const ignoresCase = (leaf: Leaf): boolean =>
  parseOperatorName(leaf.operator).decorators.includes('ignoreCase');

/** @param missing what a fact is that the event does not have */
export function flattenFor(
  rules: readonly RuleDefinition[],
  named: NamedConditions,
  missing: 'undefined' | 'null',
): { readonly flatten: Flatten; readonly names: readonly string[] } {
  const fields = new Map<string, string>();
  const add = (fact: string, path: string | undefined): string => {
    const read = `event.${factName(fact, path).replaceAll('.', '?.')}`;
    fields.set(flatName(fact, path), missing === 'null' ? `${read} ?? null` : read);
    return read;
  };
  for (const rule of rules) {
    visitLeaves(rule.conditions, named, (leaf) => {
      const read = add(leaf.fact, leaf.path);
      const name = flatName(leaf.fact, leaf.path);
      if (isFactReference(leaf.value)) add(leaf.value.fact, leaf.value.path);
      if (ignoresCase(leaf)) fields.set(loweredName(name), `${read}?.toLowerCase() ?? ${missing}`);
      if (leaf.operator === 'inCidr') fields.set(addressName(name), `v4Number(${read}) ?? ${missing}`);
    });
  }
  const names = [...fields.keys()];
  const shape = names.map((name) => `${name}: ${missing}`).join(', ');
  const writes = [...fields].map(([name, read]) => `flat.${name} = ${read};`).join('\n');
  const source = `const flat = { ${shape} };\nreturn (event) => {\n${writes}\nreturn flat; };`;
  return { flatten: new Function('v4Number', source)(v4Number) as Flatten, names };
}

function factName(fact: string, path: string | undefined): string {
  const name = path === undefined ? fact : fact + path.slice(1);
  if (!/^[a-z][a-z0-9_.]*$/.test(name)) throw new Error(`the rivals read plain paths only, not ${name}`);
  return name;
}
