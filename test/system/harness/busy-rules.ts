// Rules over which a worker thread takes long: only for a path that is long itself.

/**
 * So many regular expressions without an index that one decision over a path of `deepFile` takes long. Letters and digits
 * beside one another are there: only the whole expression finds that there are too few of them.
 */
export function busyRules(count: number): unknown[] {
  return Array.from({ length: count }, (_, index) => ({
    name: `slow-${index}`,
    on: ['auth.open'],
    conditions: {
      all: [
        {
          fact: 'file',
          path: '$.path',
          operator: 'matches',
          value: `[a-z]{${50 + Math.floor(index / 50)},${150 + (index % 50)}}[0-9]`,
        },
      ],
    },
    event: { type: 'deny' },
  }));
}
