import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { loadRules, parseRules } from '../../src/rules/load.ts';
import { type NavigatorLayer, navigatorLayer } from '../../src/rules/navigator-layer.ts';

const rule = (name: string, tags: string, type = 'alert', more = ''): string =>
  `- { name: ${name}, on: [${type === 'deny' ? 'auth.exec' : 'notify.exec'}], platforms: [linux], tags: [${tags}]${more}, conditions: { all: [{ fact: file, path: $.path, operator: equal, value: /x }] }, event: { type: ${type} } }`;

function layerOf(...rules: string[]): NavigatorLayer {
  const { ruleSet, problems } = parseRules([{ file: 'r.yaml', text: rules.join('\n') }]);
  expect(problems).toEqual([]);
  return navigatorLayer(ruleSet.rules, { name: 'x', platforms: ['linux'] });
}

describe('a layer', () => {
  test('counts rules by technique, names them, and says what becomes of a match', () => {
    const { techniques, filters, gradient } = layerOf(
      rule('one', 'attack.t1059.004, attack.execution'),
      rule('two', 'attack.T1059.004, attack.execution', 'deny'),
      rule('three', 'attack.t1059, attack.execution', 'deny', ', mode: shadow'),
      rule('four', 'attack.t1059', 'drop'),
    );
    expect(filters).toEqual({ platforms: ['Linux'] });
    expect(gradient.maxValue).toBeGreaterThan(gradient.minValue);
    expect(techniques).toEqual([
      {
        techniqueID: 'T1059',
        tactic: 'execution',
        score: 1,
        comment: 'three',
        enabled: true,
        metadata: [{ name: 'deny (shadow)', value: '1' }],
        showSubtechniques: true,
      },
      {
        techniqueID: 'T1059.004',
        tactic: 'execution',
        score: 2,
        comment: 'one\ntwo',
        enabled: true,
        metadata: [
          { name: 'alert', value: '1' },
          { name: 'deny', value: '1' },
        ],
        showSubtechniques: false,
      },
    ]);
  });

  test('marks a technique under every tactic where its rules do not say one', () => {
    const both = 'attack.t1543, attack.persistence, attack.privilege_escalation';
    expect(
      layerOf(rule('one', both), rule('two', 'attack.t1543, attack.persistence')).techniques,
    ).toMatchObject([{ techniqueID: 'T1543', score: 2 }]);
    expect(layerOf(rule('one', both)).techniques[0]).not.toHaveProperty('tactic');
  });

  test('of one technique for two tactics has both', () => {
    const { techniques } = layerOf(
      rule('one', 'attack.t1543, attack.persistence'),
      rule('two', 'attack.t1543, attack.defence_evasion'),
    );
    expect(techniques.map(({ tactic }) => tactic)).toEqual(['defense-evasion', 'persistence']);
  });

  test('of the shipped rules has the fields of format 4.5, and no others', async () => {
    const { ruleSet } = await loadRules([fileURLToPath(new URL('../../rules', import.meta.url))]);
    const layer = navigatorLayer(ruleSet.rules, { name: 'Shipped', platforms: ['linux', 'macos'] });
    expect(Object.keys(layer).filter((key) => !LAYER_FIELDS.includes(key))).toEqual([]);
    expect(layer.versions).toEqual({
      navigator: expect.stringMatching(/^(?:4\.9|[5-9]\.\d+)/),
      layer: '4.5',
    });
    expect(layer.domain).toBe('enterprise-attack');
    expect(layer.filters.platforms.filter((name) => !['Linux', 'macOS'].includes(name))).toEqual([]);
    expect(layer.techniques.length).toBeGreaterThan(40);
    for (const technique of layer.techniques) {
      expect(Object.keys(technique).filter((key) => !TECHNIQUE_FIELDS.includes(key))).toEqual([]);
      expect(technique.techniqueID).toMatch(/^T\d{4}(?:\.\d{3})?$/);
      expect(technique.score).toBeLessThanOrEqual(layer.gradient.maxValue);
      for (const { name, value } of technique.metadata)
        expect([typeof name, typeof value]).toEqual(['string', 'string']);
    }
    const cells = layer.techniques.map(({ techniqueID, tactic }) => `${techniqueID} ${tactic}`);
    expect(new Set(cells).size).toBe(cells.length);
  });
});

/** LAYERFORMATv4_5.md. */
const LAYER_FIELDS = [
  'versions',
  'name',
  'description',
  'domain',
  'customDataURL',
  'filters',
  'sorting',
  'layout',
  'hideDisabled',
  'techniques',
  'gradient',
  'legendItems',
  'showTacticRowBackground',
  'tacticRowBackground',
  'selectTechniquesAcrossTactics',
  'selectSubtechniquesWithParent',
  'selectVisibleTechniques',
  'metadata',
  'links',
];
const TECHNIQUE_FIELDS = [
  'techniqueID',
  'tactic',
  'comment',
  'enabled',
  'score',
  'color',
  'metadata',
  'links',
  'showSubtechniques',
];
