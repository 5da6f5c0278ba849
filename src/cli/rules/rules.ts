// `picket rules`: the rule author's tools, one command a file.
import { Command } from 'commander';
import { backtestCommand } from './backtest.ts';
import { checkCommand } from './check.ts';
import { exceptCommand } from './except.ts';
import { explainCommand } from './explain.ts';
import { exportCommand } from './export.ts';
import { fmtCommand } from './fmt.ts';
import { importSigmaCommand } from './import-sigma.ts';
import { newCommand } from './new.ts';
import { planCommand } from './plan.ts';
import { schemaCommand } from './schema.ts';
import { testCommand } from './test.ts';

export function rulesCommand(): Command {
  return new Command('rules')
    .description('The rule author’s tools.')
    .addCommand(backtestCommand())
    .addCommand(checkCommand())
    .addCommand(exceptCommand())
    .addCommand(explainCommand())
    .addCommand(exportCommand())
    .addCommand(fmtCommand())
    .addCommand(importSigmaCommand())
    .addCommand(newCommand())
    .addCommand(planCommand())
    .addCommand(schemaCommand())
    .addCommand(testCommand())
    .addHelpText('after', '\nExample:\n  picket rules check rules/linux && picket rules test rules/linux');
}
