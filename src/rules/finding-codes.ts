// Every kind of finding in rule files, by its code. Codes are stable: programs and comments name them. Each has a page,
// docs/rule-findings/<code>.md, and no finding can be reported without one.

/** note: worth knowing, and nothing to mend. */
export type FindingSeverity = 'error' | 'warning' | 'note';

export interface FindingKind {
  readonly severity: FindingSeverity;
  /** What it says, without a period. */
  readonly title: string;
  /** The tool could not do its work, whatever the rules are. */
  readonly isFailure?: boolean;
}

const KINDS = {
  'always-holds': warning('The conditions hold for every event'),
  'auth-unneeded': warning('An auth trigger where a notify trigger would serve'),
  'condition-circle': error('A named condition refers to itself'),
  'condition-shape': error('A condition is none of the known forms'),
  'costly-fact': warning('A fact that costs time while a program waits'),
  'costly-pattern': warning('A regular expression that may take long while a program waits'),
  'dead-branch': warning('An alternative that never holds where it stands'),
  'deprecated-key': warning('A key by its old name'),
  'duplicate-condition': error('Two named conditions have one name'),
  'duplicate-exception': error('Two exceptions of a rule have one name'),
  'duplicate-key': error('A key stands twice in one map'),
  'duplicate-list': error('Two named lists have one name'),
  'duplicate-rule': error('Two rules have one name'),
  'duplicate-test': error('Two tests of a rule have one name'),
  'duplicate-trigger': error('A trigger stands twice in `on`'),
  'empty-file': warning('A rule file without rules'),
  'empty-list': warning('A group without conditions, which holds for every event'),
  'empty-test': error('A test that asserts nothing'),
  'event-type': error('An event type that the trigger does not know'),
  'exception-ends-soon': warning('An exception that ends within two weeks'),
  'exception-expired': warning('An exception that no longer holds'),
  'exception-of-all': error('An exception that covers every event'),
  'exception-of-nothing': warning('An exception that covers nothing that its rule matches'),
  'exception-of-rule': warning('An exception that covers all that its rule matches'),
  'exception-reason': warning('An exception without a reason'),
  'exception-shape': error('An exception that is no map'),
  'fact-elsewhere': error('A fact that other triggers or platforms have'),
  'file-shape': error('A file that holds no rules'),
  'file-type': error('A file that is no rule file'),
  'identical-rules': warning('Two rules say the same'),
  'internal-error': failure('The check itself failed'),
  'json-syntax': error('The file is not valid JSON'),
  'list-empty': warning('A list without values'),
  'list-shape': error('A list that is none of the known forms'),
  'list-unreadable': failure('A list whose file can’t be read'),
  'list-value': error('A value that does not fit its list'),
  'missing-file': failure('A path that does not exist'),
  'missing-key': error('A required key is missing'),
  'negation-of-missing': warning('A negation that also holds where the fact is missing'),
  'never-holds': warning('The conditions hold for no event'),
  'no-matching-test': warning('No test expects the rule to match'),
  'no-rule-files': warning('A folder without rule files'),
  'no-tests': warning('A rule without tests'),
  'not-utf8': error('The file is not valid UTF-8'),
  'operator-order': error('Decorators in the wrong order'),
  'platform-implied': warning('A rule that applies to one platform only and does not say so'),
  'redundant-condition': warning('A test that another one makes needless'),
  'repeated-rule': error('An exception names a rule twice'),
  'reserved-name': error('A name of Picket’s own alerts'),
  'root-leaf': error('The outermost condition is a single test'),
  'rule-shape': error('A rule that is no map'),
  'shadowed-rule': warning('A rule that never decides, for another always does'),
  'tag-unseen': warning('Tags on events that nothing forwards'),
  'test-shape': error('A test that is no map'),
  'trigger-elsewhere': error('A trigger that the platform does not have'),
  'uncached-auth': note('A rule for whose sake no verdict is cached'),
  'unknown-condition': error('A named condition that does not exist'),
  'unknown-decorator': error('A decorator that does not exist'),
  'unknown-fact': error('A fact that no event of the trigger has'),
  'unknown-key': error('A key that means nothing here'),
  'unknown-list': error('A named list that does not exist'),
  'unknown-operator': error('An operator that does not exist'),
  'unknown-rule': error('An exception for a rule that does not exist'),
  'unknown-trigger': error('A trigger that does not exist'),
  'unreachable-trigger': warning('A trigger whose events can’t satisfy the conditions'),
  unreadable: failure('A file or folder that can’t be read'),
  'unused-condition': warning('A named condition that no rule refers to'),
  'unused-ignore': warning('A comment that ignores nothing'),
  'unused-list': warning('A named list that no condition refers to'),
  'worst-case': note('What a rule’s regular expressions cost at worst'),
  'wrong-expectation': error('A test expects what its rule can’t do'),
  'wrong-expiry': error('An expiry that is no date'),
  'wrong-ignore': warning('A comment that names no finding, or no reason'),
  'wrong-path': error('A path that is not JSONPath'),
  'wrong-pattern': error('A regular expression that is not valid, or too large'),
  'wrong-trigger': error('A test on a trigger that its rule does not name'),
  'wrong-type': error('Fact, operator and value do not fit together'),
  'wrong-value': error('A value that the key can’t have'),
  'yaml-alias': error('An alias that leads nowhere, or to too much'),
  'yaml-documents': error('More than one YAML document in a file'),
  'yaml-syntax': error('The file is not valid YAML'),
} as const satisfies Readonly<Record<string, FindingKind>>;

export type FindingCode = keyof typeof KINDS;

export const FINDING_KINDS: Readonly<Record<FindingCode, FindingKind>> = KINDS;

export const FINDING_CODES: readonly FindingCode[] = Object.keys(KINDS).filter(isFindingCode);

export function isFindingCode(code: string): code is FindingCode {
  return Object.hasOwn(KINDS, code);
}

function error(title: string): FindingKind {
  return { severity: 'error', title };
}

function failure(title: string): FindingKind {
  return { severity: 'error', title, isFailure: true };
}

function warning(title: string): FindingKind {
  return { severity: 'warning', title };
}

function note(title: string): FindingKind {
  return { severity: 'note', title };
}
