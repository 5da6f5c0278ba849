// Do the rules load, and would they guard anything here?
import { counted, formatCount } from '../cli/output.ts';
import type { Platform } from '../events/triggers.ts';
import { loadRules } from '../rules/load.ts';
import { formatPlace } from '../rules/rule-problem.ts';
import { type Check, type Finding, not, ok } from './check.ts';

export const checkRuleFiles: Check = async ({ rules: { paths, shadow, platform } }) => [
  ...(await checkSet('rules', paths, platform)),
  ...(shadow.length === 0 ? [] : await checkSet('shadow set', shadow, platform)),
];

async function checkSet(
  name: string,
  files: readonly string[],
  platform: Platform,
): Promise<readonly Finding[]> {
  const paths = files.join(' ');
  try {
    const { ruleSet, problems, files: read } = await loadRules(files, { platform });
    const errors = problems.filter(({ severity }) => severity === 'error');
    if (errors.length > 0) {
      const [first] = errors;
      const where = first === undefined ? '' : `, first ${formatPlace(first)}: ${first.message}`;
      return not(
        'fail',
        name,
        `${counted(errors.length, 'error')} in ${paths}${where}`,
        `picket rules check ${paths}`,
      );
    }
    const findings: Finding[] = [
      ...ok(
        name,
        `${formatCount(ruleSet.rules.length)} rules from ${formatCount(read.length)} files in ${paths}`,
      ),
    ];
    if (problems.length > 0) {
      findings.push(...not('warn', name, counted(problems.length, 'warning'), `picket rules check ${paths}`));
    }
    return findings;
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    return not('fail', name, reason, `picket rules check ${paths}`);
  }
}
