// A long list of texts under `someValue:`, or of networks: one search for all of its values, made once for a list,
// whichever rules share it.

import type { FactValue } from '../events/facts.ts';
import { parseNetwork } from './cidr.ts';
import { Automaton } from './index/automaton.ts';
import type { KeyNumbers } from './index/hits.ts';
import { NetworkTree } from './index/network-tree.ts';
import { TextTrie } from './index/text-trie.ts';

interface Search {
  hasMatch(text: string): boolean;
}

/** Trying so few one by one is as quick. */
export const SHORT_LIST = 8;
const NO_KEYS: KeyNumbers = [];

const searches = new WeakMap<readonly FactValue[], Map<string, Search>>();

/** undefined: the list is short, or the operator is none for which there is such a search. */
export function searchList(
  operator: string,
  list: readonly FactValue[],
): ((fact: FactValue) => boolean) | undefined {
  const make = MAKERS[operator];
  if (make === undefined || list.length <= SHORT_LIST) return undefined;
  let ofList = searches.get(list);
  if (ofList === undefined) {
    ofList = new Map();
    searches.set(list, ofList);
  }
  const texts = list.filter((value) => typeof value === 'string');
  // Every text has it.
  if (texts.includes('') && operator !== 'inCidr') return (fact) => typeof fact === 'string';
  const search = ofList.get(operator) ?? make(texts);
  ofList.set(operator, search);
  return (fact) => typeof fact === 'string' && search.hasMatch(fact);
}

const MAKERS: Readonly<Record<string, (texts: readonly string[]) => Search>> = {
  startsWith: (texts) => new TextTrie(keyless(texts), 'prefix'),
  endsWith: (texts) => new TextTrie(keyless(texts), 'suffix'),
  includes: (texts) => new Automaton(keyless(texts)),
  inCidr: (texts) => {
    const tree = new NetworkTree();
    for (const text of texts) {
      const network = parseNetwork(text);
      if (network !== undefined) tree.add(network, 0);
    }
    return tree;
  },
};

const keyless = (texts: readonly string[]): Map<string, KeyNumbers> =>
  new Map(texts.map((text) => [text, NO_KEYS]));
