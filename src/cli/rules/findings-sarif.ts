// Findings as SARIF 2.1.0 (OASIS), the format of code scanning. Places are relative to the folder that picket runs in.
import { isAbsolute, relative, resolve, sep } from 'node:path';
import { pathToFileURL } from 'node:url';
import { FINDING_CODES, FINDING_KINDS } from '../../rules/finding-codes.ts';
import { explainFinding, meaningOf, pageOf } from '../../rules/finding-pages.ts';
import { spanOf } from '../../rules/finding-span.ts';
import type { RuleProblem } from '../../rules/rule-problem.ts';

const BASE = 'SRCROOT';

export interface SarifOptions {
  readonly version: string;
  readonly folder: string;
  /** The lines of a file; undefined: it could not be read. */
  linesOf(file: string): readonly string[] | undefined;
}

export function sarifLog(findings: readonly RuleProblem[], options: SarifOptions): object {
  const failures = findings.filter(({ code }) => FINDING_KINDS[code].isFailure);
  const results = findings.filter(({ code }) => !FINDING_KINDS[code].isFailure);
  const codes = FINDING_CODES.filter((code) => findings.some((finding) => finding.code === code));
  return {
    $schema: 'https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json',
    version: '2.1.0',
    runs: [
      {
        tool: {
          driver: {
            name: 'picket',
            semanticVersion: options.version,
            rules: codes.map((code) => ({
              id: code,
              shortDescription: { text: `${FINDING_KINDS[code].title}.` },
              // GitHub's code scanning takes no rule without one, and not more than 1,024 characters of it.
              fullDescription: { text: meaningOf(code) },
              help: { text: explainFinding(code), markdown: explainFinding(code) },
              helpUri: pathToFileURL(pageOf(code)).href,
              defaultConfiguration: { level: FINDING_KINDS[code].severity },
            })),
          },
        },
        columnKind: 'utf16CodeUnits',
        originalUriBaseIds: { [BASE]: { uri: `${pathToFileURL(resolve(options.folder)).href}/` } },
        invocations: [
          {
            executionSuccessful: failures.length === 0,
            toolExecutionNotifications: failures.map((failure) => ({
              descriptor: { id: failure.code },
              level: 'error',
              message: { text: textOf(failure) },
              ...locationsOf(failure, options),
            })),
          },
        ],
        results: results.map((finding) => ({
          ruleId: finding.code,
          ruleIndex: codes.indexOf(finding.code),
          level: finding.severity,
          message: { text: textOf(finding) },
          ...locationsOf(finding, options),
        })),
      },
    ],
  };
}

function textOf({ message, found, expected }: RuleProblem): string {
  const details = [
    found === undefined ? '' : ` Found: ${found}.`,
    expected === undefined ? '' : ` Expected: ${expected}.`,
  ];
  return `${message}${/[.?!]$/.test(message) ? '' : '.'}${details.join('')}`;
}

function locationsOf(finding: RuleProblem, { folder, linesOf }: SarifOptions): object {
  const { file, line, column } = finding;
  if (file === '') return {};
  const artifactLocation = locationOf(file, folder);
  if (line === 0) {
    // Of a whole file. GitHub shows no result that stands in no line.
    const region = FINDING_KINDS[finding.code].isFailure ? {} : { region: { startLine: 1 } };
    return { locations: [{ physicalLocation: { artifactLocation, ...region } }] };
  }
  const text = linesOf(file)?.[line - 1]?.replace(/\r$/, '');
  const region = {
    startLine: line,
    startColumn: column,
    ...(text === undefined ? {} : { endColumn: spanOf(finding, text).to }),
  };
  return { locations: [{ physicalLocation: { artifactLocation, region } }] };
}

/** A file outside the folder has no relative place. */
function locationOf(file: string, folder: string): { uri: string; uriBaseId?: string } {
  const path = relative(resolve(folder), resolve(folder, file));
  if (path === '..' || path.startsWith(`..${sep}`) || isAbsolute(path)) {
    return { uri: pathToFileURL(resolve(folder, file)).href };
  }
  return { uri: path.split(sep).map(encodeURIComponent).join('/'), uriBaseId: BASE };
}
