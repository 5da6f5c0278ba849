// A JSON Schema as a file: a definition a line, or a change of one would not be seen in a diff.

export function schemaText(schema: object): string {
  const { definitions, ...rest } = schema as { readonly definitions: object };
  const lines = Object.entries(definitions).map(
    ([name, one]) => `    ${JSON.stringify(name)}: ${JSON.stringify(one)}`,
  );
  const before = JSON.stringify({ ...rest, definitions: {} }, null, 2).replace(/\{\}\n\}$/, '');
  return `${before}{\n${lines.join(',\n')}\n  }\n}\n`;
}
