// Reads the configuration file. What is wrong in it is told with file, line and column, what was found and, where a key
// is unknown, which one may have been meant.
import { readFile } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { type Document, isMap, isScalar, LineCounter, type Node, parseDocument, visit } from 'yaml';
import type { z } from 'zod';
import { nearestName } from '../rules/nearest.ts';
import { reasonOf } from '../system-error.ts';
import { type Config, configSchema } from './schema.ts';

export interface ConfigProblem {
  readonly file: string;
  readonly line: number;
  readonly column: number;
  readonly message: string;
}

export class ConfigError extends Error {
  readonly problems: readonly ConfigProblem[];
  /** The configuration is wrong, not the command line. */
  readonly exitCode = 1;

  constructor(problems: readonly ConfigProblem[], options?: ErrorOptions) {
    super(problems.map(formatProblem).join('\n'), options);
    this.name = 'ConfigError';
    this.problems = problems;
  }
}

/** Defaults alone, when there is no file. */
export function defaultConfig(): Config {
  return configSchema.parse({});
}

/** Throws ConfigError. Paths in the file are made absolute, from its own folder. */
export async function loadConfig(file: string): Promise<Config> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (cause) {
    const message = `the configuration can't be read: ${reasonOf(cause)}`;
    throw new ConfigError([{ file, line: 0, column: 0, message }], { cause });
  }
  return absolutePaths(parseConfig(text, file), dirname(resolve(file)));
}

export function parseConfig(text: string, file: string): Config {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  const placed = (offset: number, message: string): ConfigProblem => {
    const { line, col } = lines.linePos(offset);
    return { file, line, column: col, message };
  };
  if (document.errors.length > 0)
    throw new ConfigError(
      document.errors.map(({ pos, message }) => placed(pos[0], `not valid YAML: ${message}`)),
    );
  const unresolved = unresolvedAliases(document);
  if (unresolved.length > 0)
    throw new ConfigError(
      unresolved.map((offset) =>
        placed(
          offset,
          'a text that begins with * is an alias in YAML, and it has no anchor; put it in quotes',
        ),
      ),
    );
  const parsed = configSchema.safeParse(document.toJS() ?? {});
  if (parsed.success) return parsed.data;
  const problems = parsed.error.issues.flatMap((issue) =>
    describe(issue, document.contents).map(({ offset, message }) => placed(offset, message)),
  );
  throw new ConfigError(problems);
}

/** Where they stand; toJS() throws for them, with their text, which may be a password. */
function unresolvedAliases(document: Document): number[] {
  const offsets: number[] = [];
  visit(document, {
    Alias: (_, alias) => {
      if (alias.resolve(document) === undefined) offsets.push(alias.range?.[0] ?? 0);
    },
  });
  return offsets;
}

function describe(
  issue: z.core.$ZodIssue,
  contents: Node | null,
): readonly { readonly offset: number; readonly message: string }[] {
  const path = issue.path.map((part) => (typeof part === 'number' ? part : String(part)));
  if (issue.code === 'unrecognized_keys') {
    const known = keysAt(path);
    return issue.keys.map((key) => {
      const meant = nearestName(key, known);
      const hint = meant === undefined ? `known here: ${known.join(', ')}` : `did you mean ${meant}?`;
      return {
        offset: offsetOf(contents, [...path, key], true),
        message: `unknown key ${[...path, key].join('.')}; ${hint}`,
      };
    });
  }
  const where = path.join('.') || 'the file';
  return [
    { offset: offsetOf(contents, path, false), message: `${where}: ${reasonOfIssue(issue, contents)}` },
  ];
}

/** As YAML calls them. */
const TYPES: Readonly<Record<string, string>> = {
  array: 'a list',
  object: 'a map of keys',
  record: 'a map of keys',
  string: 'a text',
  number: 'a number',
  int: 'a whole number',
};

function reasonOfIssue(issue: z.core.$ZodIssue, contents: Node | null): string {
  if (issue.code === 'invalid_type') return `expected ${TYPES[issue.expected] ?? issue.expected}`;
  if (issue.code !== 'invalid_value') return issue.message;
  const names = issue.values.map(String);
  const typed = isMap(contents) ? contents.getIn(issue.path) : undefined;
  const meant = typeof typed === 'string' ? nearestName(typed, names) : undefined;
  return meant === undefined ? `expected one of ${names.join(', ')}` : `did you mean ${meant}?`;
}

/** Where the value at a path begins, or its key; the nearest thing around it that exists. */
function offsetOf(contents: Node | null, path: readonly (string | number)[], ofKey: boolean): number {
  let node: unknown = contents;
  let offset = contents?.range?.[0] ?? 0;
  for (const [index, part] of path.entries()) {
    let key: unknown;
    if (isMap(node)) {
      const pair = node.items.find((item) => isScalar(item.key) && String(item.key.value) === String(part));
      key = pair?.key;
      node = pair?.value;
    } else {
      node = (node as { items?: readonly unknown[] } | undefined)?.items?.[Number(part)];
    }
    const isLast = index === path.length - 1;
    const found = (isLast && ofKey ? key : (node ?? key)) as Node | undefined;
    if (found?.range) offset = found.range[0];
  }
  return offset;
}

function keysAt(path: readonly (string | number)[]): string[] {
  let schema: unknown = configSchema;
  for (const part of path) {
    schema = unwrap(schema);
    schema = typeof part === 'number' ? (schema as { element?: unknown }).element : shapeOf(schema)[part];
  }
  return Object.keys(shapeOf(unwrap(schema)));
}

function shapeOf(schema: unknown): Record<string, unknown> {
  return (schema as { shape?: Record<string, unknown> }).shape ?? {};
}

/** Past defaults and optionality, which wrap the schema that has the keys. */
export function unwrap(schema: unknown): unknown {
  let inner = schema;
  for (;;) {
    const next = (inner as { def?: { innerType?: unknown } }).def?.innerType;
    if (next === undefined) return inner;
    inner = next;
  }
}

function absolutePaths(config: Config, folder: string): Config {
  const from = (path: string | undefined): string | undefined =>
    path === undefined ? undefined : resolve(folder, path);
  const all = (paths: readonly string[]): string[] => paths.map((path) => resolve(folder, path));
  const { agent, nats } = config;
  return {
    ...config,
    agent: { ...agent, state_dir: from(agent.state_dir) },
    rules: { ...config.rules, paths: all(config.rules.paths), shadow: all(config.rules.shadow) },
    nats: {
      ...nats,
      credentials_file: from(nats.credentials_file),
      tls_ca_file: from(nats.tls_ca_file),
      tls_cert_file: from(nats.tls_cert_file),
      tls_key_file: from(nats.tls_key_file),
    },
  };
}

function formatProblem({ file, line, column, message }: ConfigProblem): string {
  return line === 0 ? `${file}: ${message}` : `${file}:${line}:${column}: ${message}`;
}
