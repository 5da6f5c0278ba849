// `picket rules schema`: the JSON Schemas of rule files and test files, for editors.
import { Argument, Command } from 'commander';
import { say, writeOut } from '../output.ts';
import { writeFileOrFail } from '../write-file.ts';

type Kind = 'rules' | 'tests';

/** They are made when they are loaded, of every fact there is: no other command waits for that. */
const SCHEMAS: Readonly<Record<Kind, () => Promise<object>>> = {
  rules: async () => (await import('../../rules/json-schema/rule-file.ts')).ruleFileSchema(),
  tests: async () => (await import('../../rules/json-schema/test-file.ts')).testFileJsonSchema(),
};

export function schemaCommand(): Command {
  return new Command('schema')
    .summary('the JSON Schema of rule files or test files, by which editors complete and check')
    .description(
      'Prints the JSON Schema (draft 7) of rule files (rules, exceptions, named conditions and lists) or of test files ' +
        '(*.test.yaml). An editor with yaml-language-server takes it from the first line of a file: ' +
        '# yaml-language-server: $schema=rule-file.schema.json',
    )
    .addArgument(
      new Argument('[kind]', 'of which files').choices(Object.keys(SCHEMAS)).default('rules', 'rules'),
    )
    .option('--out <file>', 'write it to this file')
    .option('--json', 'it is JSON with or without this')
    .addHelpText(
      'after',
      '\nExit codes: 0 written, 2 the command line is wrong, 3 the file could not be written or picket failed.' +
        '\n\nExamples:\n  picket rules schema --out my-rules/rule-file.schema.json' +
        '\n  picket rules schema tests --out my-rules/test-file.schema.json',
    )
    .action(schema);
}

async function schema(kind: Kind, { out }: { readonly out?: string }): Promise<void> {
  const { schemaText } = await import('../../rules/json-schema/schema-text.ts');
  const text = schemaText(await SCHEMAS[kind]());
  if (out === undefined) return await writeOut(text);
  await writeFileOrFail(out, text);
  say(`${out}: written; name it in the first line of files: # yaml-language-server: $schema=…`);
}
