import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { objectFacts } from '../../src/events/object-facts.ts';
import type { Trigger } from '../../src/events/triggers.ts';
import { markFilesystems, unknownFilesystems } from '../../src/plan/filesystem-marks.ts';
import { kindOfMount, MountLineError, parseMounts } from '../../src/plan/mounts.ts';
import { selectTargets } from '../../src/plan/target-selection.ts';
import { compileRules } from '../../src/rules/compile.ts';
import type { Condition, Leaf, NamedConditions, RootCondition } from '../../src/rules/conditions.ts';
import { parseRules } from '../../src/rules/load.ts';
import type { RuleDefinition } from '../../src/rules/schema.ts';
import { type TargetPath, targetPathsOf, withoutCovered } from '../../src/rules/target-paths.ts';

const FOLDERS = ['/', '/etc', '/etc/ssh', '/home/a', '/mnt/x'];
const PATHS = FOLDERS.flatMap((folder) =>
  ['x', 'key'].map((name) => `${folder === '/' ? '' : folder}/${name}`),
);
const part = fc.constantFrom(...FOLDERS, ...PATHS, '/e', '/etc/', '/etc/s', 'x', '');

const leaf: fc.Arbitrary<Leaf> = fc
  .tuple(
    fc.constantFrom('$.path', '$.path', '$.directory', '$.target_path', '$.name'),
    fc.oneof(
      part.map((value) => ({ operator: 'equal', value })),
      part.map((value) => ({ operator: 'startsWith', value })),
      part.map((value) => ({ operator: 'endsWith', value })),
      part.map((value) => ({ operator: 'notEqual', value })),
      fc.array(part, { maxLength: 3 }).map((value) => ({ operator: 'in', value })),
      fc.array(part, { maxLength: 3 }).map((value) => ({ operator: 'someValue:startsWith', value })),
    ),
  )
  .map(([path, how]) => ({ fact: 'file', path, ...how }));

const condition: fc.Arbitrary<RootCondition> = fc.letrec<{ root: RootCondition; part: Condition }>((tie) => ({
  part: fc.oneof({ maxDepth: 3, depthIdentifier: 'part' }, leaf, leaf, tie('root')),
  root: fc.oneof(
    fc.array(tie('part'), { maxLength: 3 }).map((all) => ({ all })),
    fc.array(tie('part'), { maxLength: 3 }).map((any) => ({ any })),
    tie('part').map((not) => ({ not })),
    fc.constantFrom({ condition: 'below-etc' }, { condition: 'anything' }),
  ),
})).root;

const NAMED: NamedConditions = {
  'below-etc': { all: [{ fact: 'file', path: '$.path', operator: 'startsWith', value: '/etc/' }] },
  anything: { all: [] },
};

const event = fc.record({ path: fc.constantFrom(...PATHS), target_path: fc.constantFrom(...PATHS) });

const [BASE] = parseRules([
  {
    file: 'a.yaml',
    text: '- { name: base, on: [notify.rename], conditions: { condition: x }, event: { type: alert } }\n',
  },
  { file: 'b.yaml', text: 'conditions: { x: { all: [] } }\n' },
]).ruleSet.rules;

function rule(name: string, conditions: RootCondition): RuleDefinition {
  if (BASE === undefined) throw new Error('the rule that others are made of does not load');
  return { ...BASE, name, platforms: ['macos', 'linux'], conditions };
}

const isIn = ({ kind, path }: TargetPath, of: string): boolean =>
  kind === 'literal' ? of === path : of.startsWith(path);

describe('where a rule can match', () => {
  test('an event that the rule matches has one of the paths that are selected for it', () => {
    let narrowed = 0;
    fc.assert(
      fc.property(condition, fc.array(event, { minLength: 4, maxLength: 12 }), (conditions, files) => {
        const targets = targetPathsOf(conditions, NAMED, 'notify.rename');
        if (targets === undefined) return;
        const set = { rules: [rule('r', conditions)], conditions: NAMED, lists: {} };
        const compiled = compileRules(set, { platform: 'macos' });
        for (const file of files) {
          if (compiled.decide('notify.rename', objectFacts({ file })).matched.length === 0) continue;
          narrowed++;
          const isSelected = targets.some((one) => isIn(one, file.path) || isIn(one, file.target_path));
          expect(isSelected, JSON.stringify({ conditions, targets, file })).toBe(true);
        }
      }),
      { numRuns: 4000 },
    );
    expect(narrowed).toBeGreaterThan(300);
  });

  test('paths that another prefix covers are left out, and nothing else', () => {
    const target = fc.record({
      kind: fc.constantFrom<'literal' | 'prefix'>('literal', 'prefix'),
      path: part,
    });
    fc.assert(
      fc.property(fc.array(target, { maxLength: 8 }), part, (targets, path) => {
        const kept = withoutCovered(targets);
        expect(kept.some((one) => isIn(one, path))).toBe(targets.some((one) => isIn(one, path)));
        expect(kept.length).toBeLessThanOrEqual(targets.length);
        for (const one of kept) {
          const others = kept.filter((other) => other !== one && other.kind === 'prefix');
          expect(others.some((other) => one.path.startsWith(other.path))).toBe(false);
        }
      }),
    );
  });

  test('of several that must hold, the one that leaves the least is taken', () => {
    const of = (...all: Condition[]) => targetPathsOf({ all }, {}, 'auth.exec');
    const prefix: Leaf = { fact: 'file', path: '$.path', operator: 'startsWith', value: '/usr/' };
    const literal: Leaf = { fact: 'process.executable', operator: 'in', value: ['/usr/bin/a', '/usr/bin/b'] };
    expect(of(prefix, literal)).toEqual([
      { kind: 'literal', path: '/usr/bin/a' },
      { kind: 'literal', path: '/usr/bin/b' },
    ]);
    // The acting program of an open is no target.
    expect(targetPathsOf({ all: [literal] }, {}, 'auth.open')).toBeUndefined();
  });
});

describe('inverted muting', () => {
  const prefix = (path: string): TargetPath => ({ kind: 'prefix', path });

  test('narrows a type only if each rule that brings its events names a path', () => {
    const selection = selectTargets(
      new Map<Trigger, { rule: string; targets: TargetPath[] | undefined }[]>([
        ['auth.open', [{ rule: 'a', targets: [prefix('/a/')] }]],
        ['notify.create', [{ rule: 'b', targets: [prefix('/a/')] }]],
        [
          'notify.write',
          [
            { rule: 'c', targets: [prefix('/c/')] },
            { rule: 'd', targets: undefined },
          ],
        ],
        ['notify.fork', [{ rule: 'e', targets: undefined }]],
        // Apple selects these by the path of the other process, which no rule names as a file.
        ['notify.get_task', [{ rule: 'f', targets: [prefix('/f/')] }]],
      ]),
    );
    expect(selection.selected).toEqual([
      { kind: 'prefix', path: '/a/', triggers: ['auth.open', 'notify.create'] },
    ]);
    expect(selection.whole).toEqual([
      { trigger: 'notify.write', rules: ['d'] },
      { trigger: 'notify.fork', rules: [] },
      { trigger: 'notify.get_task', rules: [] },
    ]);
  });
});

const MOUNTINFO = `22 27 0:21 / /proc rw,relatime - proc proc rw
27 1 254:0 / / rw,relatime - ext4 /dev/vda rw,discard
28 27 254:1 / /home rw,relatime shared:1 - xfs /dev/vdb rw
29 27 254:1 /srv /srv/www rw,relatime - xfs /dev/vdb rw
30 27 0:30 / /tmp rw - tmpfs tmpfs rw
31 27 0:31 / /mnt/with\\040space rw - nfs4 server:/x rw
32 27 0:32 / /var/lib/containers rw - overlay overlay rw
33 27 0:33 / /odd rw - oddfs none rw
`;

describe('the filesystems of a host', () => {
  const mounts = parseMounts(MOUNTINFO);

  test.each([
    ['', 1],
    ['# Picket\n', 1],
    ['22 27 0:21 / /proc rw,relatime - proc proc rw\nopens - the bridge denies by itself\n', 2],
  ])('are not read from %j, which is no mountinfo', (text, line) => {
    expect(() => parseMounts(text)).toThrow(expect.objectContaining({ name: MountLineError.name, line }));
  });

  test('are read from its mountinfo, with what is escaped there', () => {
    expect(mounts.map(({ point }) => point)).toEqual([
      '/proc',
      '/',
      '/home',
      '/srv/www',
      '/tmp',
      '/mnt/with space',
      '/var/lib/containers',
      '/odd',
    ]);
    expect(mounts.map(kindOfMount)).toEqual([
      'kernel',
      'local',
      'local',
      'local',
      'local',
      'served',
      'stacked',
      'unknown',
    ]);
  });

  const reach = (...targets: TargetPath[]) =>
    new Map<Trigger, { rule: string; targets: TargetPath[] | undefined }[]>([
      ['auth.open', [{ rule: 'r', targets: targets.length === 0 ? undefined : targets }]],
    ]);
  const reached = (...targets: TargetPath[]): string[] =>
    markFilesystems(mounts, { filesystems: [] }, reach(...targets))
      .filter(({ reachedBy }) => reachedBy.length > 0)
      .map(({ point }) => point);

  test('are in reach of a rule whose paths can lie on them', () => {
    expect(reached({ kind: 'literal', path: '/home/a/.ssh/id' })).toEqual(['/home']);
    expect(reached({ kind: 'prefix', path: '/home/a/' })).toEqual(['/home']);
    // Whatever begins so: on the filesystem above, and on what is mounted below.
    expect(reached({ kind: 'prefix', path: '/ho' })).toEqual(['/', '/home']);
    expect(reached({ kind: 'prefix', path: '/etc/' })).toEqual(['/']);
    expect(reached()).toHaveLength(7);
  });

  test('are marked by device, wherever else they are mounted, and never if another machine serves them', () => {
    const guarded = (...filesystems: string[]): string[] =>
      markFilesystems(mounts, { filesystems }, reach())
        .filter(({ isGuarded }) => isGuarded)
        .map(({ point }) => point);
    expect(guarded()).toEqual([]);
    expect(guarded('/home/a')).toEqual(['/home', '/srv/www']);
    expect(guarded('local')).toEqual(['/', '/home', '/srv/www', '/tmp', '/var/lib/containers']);
    expect(guarded('/mnt/with space', '/odd')).toEqual([]);
    expect(unknownFilesystems(mounts, { filesystems: ['local', '/home', 'relative'] })).toEqual(['relative']);
  });
});
