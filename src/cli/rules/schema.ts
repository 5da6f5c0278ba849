// `picket rules schema`: the JSON Schema of rule files, for editors.
import { writeFile } from 'node:fs/promises';
import { Command } from 'commander';
import { CommandError } from '../failure.ts';
import { say, writeOut } from '../output.ts';

export function schemaCommand(): Command {
  return new Command('schema')
    .summary('the JSON Schema of rule files, by which editors complete and check')
    .description(
      'Prints the JSON Schema (draft 7) of rule files: rules, exceptions, named conditions and lists. An editor with ' +
        'yaml-language-server takes it from the first line of a file: ' +
        '# yaml-language-server: $schema=rule-file.schema.json',
    )
    .option('--out <file>', 'write it to this file')
    .option('--json', 'it is JSON with or without this')
    .addHelpText(
      'after',
      '\nExit codes: 0 written, 1 the file can not be written, 2 the command line is wrong, 3 picket failed.' +
        '\n\nExample:\n  picket rules schema --out my-rules/rule-file.schema.json',
    )
    .action(schema);
}

async function schema({ out }: { readonly out?: string }): Promise<void> {
  // It is made when it is loaded, of every fact there is: no other command waits for that.
  const { ruleFileSchemaText } = await import('../../rules/json-schema/rule-file.ts');
  const text = ruleFileSchemaText();
  if (out === undefined) return await writeOut(text);
  try {
    await writeFile(out, text);
  } catch (cause) {
    throw new CommandError(`${out} can't be written: ${(cause as Error).message}`, 1, { cause });
  }
  say(`${out}: written; name it in a rule file's first line: # yaml-language-server: $schema=…`);
}
