// Rule sets of any size and of a realistic mix: hashes of names, prefixes, suffixes, substrings, regular expressions, and
// nested conditions. The same number gives the same rules.
export interface RuleSetOptions {
  /** A path that one rule denies by its path alone, so that the bridge answers by itself. */
  readonly staticallyDenied: string;
}

export function realisticRules(count: number, options: RuleSetOptions): unknown[] {
  const rules: unknown[] = [
    {
      name: 'static',
      on: ['auth.open'],
      conditions: { all: [leaf('$.path', 'equal', options.staticallyDenied)] },
      event: { type: 'deny' },
    },
  ];
  for (let index = 1; index < count; index++) {
    rules.push({
      name: `rule-${index}`,
      on: [index % 4 === 0 ? 'auth.exec' : 'auth.open'],
      severity: 'medium',
      conditions: { all: conditions(index) },
      event: { type: 'deny' },
    });
  }
  return rules;
}

// What no static verdict can hold (a file's size), so that each rule needs the agent; after it, the mix.
function conditions(index: number): unknown[] {
  const size = leaf('$.size', 'greaterThan', 0);
  switch (index % 8) {
    case 0:
      return [leaf('$.path', 'equal', `/opt/vendor/bin/tool-${index}`), size];
    case 1:
      return [leaf('$.path', 'startsWith', `/var/lib/service-${index}/`), size];
    case 2:
      return [leaf('$.path', 'endsWith', `/.secret-${index}`), size];
    case 3:
      return [leaf('$.path', 'includes', `/staging-${index}/`), size];
    case 4:
      return [leaf('$.name', 'in', [`credential-${index}`, `token-${index}`, `key-${index}`]), size];
    case 5:
      return [leaf('$.path', 'matches', `^/home/[a-z]+/\\.config/app-${index}/[0-9]+$`), size];
    case 6:
      return [
        {
          any: [
            leaf('$.extension', 'equal', `x${index}`),
            { all: [leaf('$.directory', 'equal', `/srv/data-${index}`), size] },
          ],
        },
        size,
      ];
    default:
      return [
        leaf('$.path', 'startsWith', `/srv/share-${index}/`),
        leaf('$.name', 'notEqual', 'index'),
        size,
      ];
  }
}

function leaf(path: string, operator: string, value: unknown): unknown {
  return { fact: 'file', path, operator, value };
}
