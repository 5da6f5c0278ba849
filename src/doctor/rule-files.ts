// Do the rules load, and would they guard anything here?
import { counted, formatCount } from '../cli/output.ts';
import { loadRules } from '../rules/load.ts';
import { formatPlace } from '../rules/rule-problem.ts';
import { type Check, type Finding, not, ok } from './check.ts';

export const checkRuleFiles: Check = async ({ rules }) => {
  const paths = rules.paths.join(' ');
  try {
    const { ruleSet, problems, files } = await loadRules(rules.paths, { platform: rules.platform });
    const errors = problems.filter(({ severity }) => severity === 'error');
    if (errors.length > 0) {
      const [first] = errors;
      const where = first === undefined ? '' : `, first ${formatPlace(first)}: ${first.message}`;
      return not(
        'fail',
        'rules',
        `${counted(errors.length, 'error')} in ${paths}${where}`,
        `picket rules check ${paths}`,
      );
    }
    const findings: Finding[] = [
      ...ok(
        'rules',
        `${formatCount(ruleSet.rules.length)} rules from ${formatCount(files.length)} files in ${paths}`,
      ),
    ];
    if (problems.length > 0) {
      findings.push(
        ...not('warn', 'rules', counted(problems.length, 'warning'), `picket rules check ${paths}`),
      );
    }
    return findings;
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    return not('fail', 'rules', reason, `picket rules check ${paths}`);
  }
};
