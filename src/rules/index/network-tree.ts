// Which of many networks an address is in: a radix tree over the bits of addresses, one for IPv4, one for IPv6.

import { type Network, readAddress, V4_WORDS } from '../cidr.ts';
import type { Hits, KeyNumbers } from './hits.ts';

interface Node {
  readonly words: readonly number[];
  /** How many bits all below have in common. */
  readonly bits: number;
  keys: number[] | undefined;
  zero: Node | undefined;
  one: Node | undefined;
}

const address = new Uint16Array(8);

export class NetworkTree {
  readonly #v4 = newNode([], 0);
  readonly #v6 = newNode([], 0);
  size = 0;

  add({ words, bits, isV6 }: Network, key: number): void {
    const node = nodeFor(isV6 ? this.#v6 : this.#v4, words, bits);
    if (node.keys === undefined) {
      node.keys = [];
      this.size++;
    }
    node.keys.push(key);
  }

  collect(text: string, hits: Hits): void {
    this.#walk(text, hits);
  }

  hasMatch(text: string): boolean {
    return this.#walk(text, undefined);
  }

  /** Without `hits` it ends at the first match. */
  #walk(text: string, hits: Hits | undefined): boolean {
    const length = readAddress(text, address);
    if (length === 0) return false;
    let node: Node | undefined = length === V4_WORDS ? this.#v4 : this.#v6;
    while (node !== undefined && commonBits(node.words, address, node.bits) === node.bits) {
      if (node.keys !== undefined) {
        if (hits === undefined) return true;
        hits.add(node.keys satisfies KeyNumbers);
      }
      if (node.bits === length * 16) return false;
      node = bitAt(address, node.bits) === 0 ? node.zero : node.one;
    }
    return false;
  }
}

function newNode(words: readonly number[], bits: number): Node {
  return { words, bits, keys: undefined, zero: undefined, one: undefined };
}

/** The node of a network, made if there is none. */
function nodeFor(root: Node, words: readonly number[], bits: number): Node {
  let node = root;
  while (node.bits !== bits) {
    const next: Node | undefined = bitAt(words, node.bits) === 1 ? node.one : node.zero;
    const common = next === undefined ? 0 : commonBits(next.words, words, Math.min(next.bits, bits));
    if (next !== undefined && common === next.bits) {
      node = next;
      continue;
    }
    const made = newNode(words, bits);
    if (next === undefined) hang(node, made);
    else {
      const fork = common === bits ? made : newNode(words, common);
      hang(node, fork);
      hang(fork, next);
      if (fork !== made) hang(fork, made);
    }
    return made;
  }
  return node;
}

function hang(parent: Node, child: Node): void {
  if (bitAt(child.words, parent.bits) === 1) parent.one = child;
  else parent.zero = child;
}

function bitAt(words: ArrayLike<number>, at: number): number {
  return ((words[at >>> 4] as number) >>> (15 - (at & 15))) & 1;
}

function commonBits(a: ArrayLike<number>, b: ArrayLike<number>, limit: number): number {
  for (let at = 0; at < limit; at += 16) {
    const difference = (a[at >>> 4] as number) ^ (b[at >>> 4] as number);
    if (difference !== 0) return Math.min(limit, at + Math.clz32(difference) - 16);
  }
  return limit;
}
