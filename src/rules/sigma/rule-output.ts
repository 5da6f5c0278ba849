// An imported rule as a rule file has it, with what its licence asks to keep: title, id, author, source.

import { Document, isMap, isPair, isScalar, isSeq, visit } from 'yaml';
import type { SigmaRule } from './document.ts';
import type { PicketPart } from './picket-part.ts';
import { SigmaError } from './sigma-error.ts';

/** A rule in the form that rule files have, keys in the order of docs/rules.md. */
export type WrittenRule = Readonly<Record<string, unknown>>;

const LEVELS = ['informational', 'low', 'medium', 'high', 'critical'];

export function writtenRule(
  rule: SigmaRule,
  name: string,
  part: PicketPart,
  tests: readonly unknown[] = [],
): WrittenRule {
  const { title, level, tags, references, falsePositives } = rule;
  const severity = level?.toLowerCase();
  if (severity !== undefined && !LEVELS.includes(severity)) {
    throw new SigmaError('document', rule.place, 'this level is not known', {
      found: level,
      expected: LEVELS.join(', '),
    });
  }
  return {
    name,
    on: part.on,
    platforms: part.platforms,
    description: description(rule, part.differs),
    ...(severity === undefined ? {} : { severity }),
    ...(tags.length === 0 ? {} : { tags }),
    conditions: part.conditions,
    event: { type: 'alert', params: { message: title } },
    ...(tests.length === 0 ? {} : { tests }),
    ...(references.length === 0 ? {} : { references }),
    ...(falsePositives.length === 0 ? {} : { false_positives: falsePositives }),
  };
}

function description(rule: SigmaRule, differs: readonly string[]): string {
  const { title, id, status, author, date, modified, license } = rule;
  const facts = [
    `Sigma rule "${title}"${id === undefined ? '' : ` (${id})`}`,
    author === undefined ? '' : `by ${author}`,
    date === undefined ? '' : `of ${date}${modified === undefined ? '' : `, modified ${modified}`}`,
  ].filter((part) => part !== '');
  const lines = [
    rule.description ?? '',
    `${facts.join(' ')}.${status === undefined ? '' : ` Status: ${status}.`}${license === undefined ? '' : ` License: ${license}.`}`,
    differs.length === 0 ? '' : `Approximate: ${differs.join('; ')}.`,
  ];
  return lines.filter((line) => line !== '').join('\n\n');
}

export const HEADER =
  ' Imported from Sigma by `picket rules import-sigma`, which overwrites this file the next time.';

export function stringifyRules(
  rules: readonly WrittenRule[],
  source: string,
  licenses: readonly string[],
): string {
  const license =
    licenses.length > 0
      ? licenses.join(', ')
      : 'as where it comes from (rules of SigmaHQ: Detection Rule License 1.1)';
  const document = new Document(rules, { aliasDuplicateObjects: false });
  document.commentBefore = `${HEADER}\n Source: ${source.replace(/\s/g, ' ')}\n License: ${license.replace(/\s/g, ' ')}`;
  if (isSeq(document.contents)) {
    for (const [index, rule] of document.contents.items.entries()) {
      if (isMap(rule)) rule.spaceBefore = index > 0;
    }
  }
  visit(document, {
    Map(_, map) {
      // One test of one fact reads best on one line.
      const isLeaf = map.items.some(
        (item) => isPair(item) && isScalar(item.key) && item.key.value === 'fact',
      );
      if (isLeaf && map.items.every(({ value }) => !isSeq(value) && !isMap(value))) map.flow = true;
    },
    Scalar(key, scalar) {
      if (key === 'key') return;
      // Text to us, true or false to readers of YAML 1.1.
      if (typeof scalar.value === 'string' && /^(?:y|n|yes|no|on|off)$/i.test(scalar.value))
        scalar.type = 'QUOTE_DOUBLE';
    },
    Pair(_, { key, value }) {
      const isShort = isScalar(key) && (key.value === 'on' || key.value === 'platforms');
      if (isShort && isSeq(value)) value.flow = true;
    },
  });
  const text = document.toString({ lineWidth: 110, flowCollectionPadding: true });
  return text.replace(/^( +(?:on|platforms)): \[ (.*) \]$/gm, '$1: [$2]');
}
