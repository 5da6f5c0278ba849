// What a Sigma rule says of the logs it is for.

import type { Place } from '../rule-document.ts';
import { SigmaError } from './sigma-error.ts';
import { describeTree, get, type Tree } from './yaml-tree.ts';

export interface Logsource {
  readonly category: string | undefined;
  readonly product: string | undefined;
  readonly service: string | undefined;
  readonly place: Place;
}

export function parseLogsource(tree: Tree | undefined, around: Place): Logsource {
  if (tree === undefined) {
    throw new SigmaError('document', around, 'the key `logsource` is missing', {
      expected: 'category, product, service',
    });
  }
  if (tree.kind !== 'map') {
    throw new SigmaError('document', tree.place, '`logsource` is a map', {
      found: describeTree(tree),
      expected: 'category, product, service',
    });
  }
  const text = (key: string): string | undefined => {
    const part = get(tree, key);
    if (part === undefined || (part.kind === 'scalar' && part.value === null)) return undefined;
    if (part.kind !== 'scalar') {
      throw new SigmaError('document', part.place, `\`${key}\` is text`, { found: describeTree(part) });
    }
    return String(part.value).toLowerCase();
  };
  const [category, product, service] = [text('category'), text('product'), text('service')];
  if (category === undefined && product === undefined && service === undefined) {
    throw new SigmaError('document', tree.place, 'this log source says nothing', {
      expected: 'category, product or service',
    });
  }
  return { category, product, service, place: tree.place };
}

/** `linux/process_creation`, as SigmaHQ's folders are named. */
export function nameOfLogsource({ category, product, service }: Omit<Logsource, 'place'>): string {
  return [product, category, service].filter((part) => part !== undefined).join('/');
}

/** Whether a filter for one log source is meant for rules of another: each key that it states is the same. */
export function covers(outer: Logsource, inner: Logsource): boolean {
  return (['category', 'product', 'service'] as const).every(
    (key) => outer[key] === undefined || outer[key] === inner[key],
  );
}
