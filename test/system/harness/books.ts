// The books that an agent prints at its end, by the names of their lines.
import { expect } from 'vitest';
import type { Running } from './process.ts';

export interface Books {
  /** A line of the books; what became of those forwarded, and of alerts, as `forwarded/shed`, `alerts/shed`. */
  of(line: string): number;
}

/** Ends an agent by SIGTERM; its books must balance. */
export async function endOf(agent: Running): Promise<Books> {
  expect(await agent.stop(), agent.stderr()).toBe(0);
  return booksIn(agent.stderr());
}

/** The books in what an agent printed; they must balance. */
export function booksIn(text: string): Books {
  expect(text).toContain('The books balance.');
  const lines = new Map<string, number>();
  let lane = '';
  for (const [, indent = '', name = '', count] of text.matchAll(/^( +)(?:[=+] )?([a-z][^\d]*?) +(\d+)$/gm)) {
    if (indent.length === 2) lane = name.startsWith('alerts') ? 'alerts' : name;
    lines.set(indent.length === 2 ? name : `${lane}/${name}`, Number(count));
  }
  return {
    of(line) {
      const count = lines.get(line);
      if (count === undefined) throw new Error(`no line ${line} in ${[...lines.keys()].join(', ')}`);
      return count;
    },
  };
}
