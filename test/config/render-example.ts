// picket.example.yaml as the schema has it: every key under its words, with its default.
import { stringify } from 'yaml';
import type { z } from 'zod';
import { unwrap } from '../../src/config/load.ts';
import { configSchema } from '../../src/config/schema.ts';

const WIDTH = 110;

/** What stands, commented out, where there is no default or it depends on the machine. */
const SAMPLES: Readonly<Record<string, unknown>> = {
  'agent.name': 'web-1',
  'agent.state_dir': '/var/lib/picket',
  'rules.platform': 'linux',
  'nats.user': 'picket-web-1',
  'nats.password': 'secret',
  'nats.token': 'secret',
  'nats.credentials_file': '/etc/picket/web-1.creds',
  'nats.tls_ca_file': '/etc/picket/ca.pem',
  'nats.tls_cert_file': '/etc/picket/web-1.pem',
  'nats.tls_key_file': '/etc/picket/web-1.key',
};

const DEDUPE_SAMPLE = [
  'For example:',
  '  - on: [notify.open, notify.close]',
  "    key: '{process.executable} {file.path}'",
].map((line) => `  # ${line}`);

export interface KeyOfConfig {
  readonly name: string;
  readonly description: string;
}

export function everyKey(): KeyOfConfig[] {
  return Object.entries(configSchema.shape).flatMap(([section, schema]) => [
    { name: section, description: schema.description ?? '' },
    ...Object.entries(shapeOf(schema)).map(([key, value]) => ({
      name: `${section}.${key}`,
      description: value.description ?? '',
    })),
  ]);
}

export function renderExample(): string {
  const head = [
    '# The configuration of `picket run -c FILE`. Every key is here with its unit, its default and the reason for it;',
    '# all may be left out. Lines that begin with a key behind # have no default, or one that depends on the machine.',
  ];
  const sections = Object.entries(configSchema.shape).map(([section, schema]) => {
    const keys = Object.entries(shapeOf(schema)).map(([key, value]) => renderKey(section, key, value));
    return [...comment(schema.description ?? '', ''), `${section}:`, keys.join('\n')].join('\n');
  });
  return `${[head.join('\n'), ...sections].join('\n\n')}\n`;
}

function renderKey(section: string, key: string, schema: z.ZodType): string {
  const name = `${section}.${key}`;
  const isSample = name in SAMPLES;
  const value = isSample ? SAMPLES[name] : schema.parse(undefined);
  const text = stringify({ [key]: value }, { collectionStyle: 'flow', lineWidth: 0 }).trimEnd();
  const flow = text.replace(/^\{ (.*) \}$/, '$1').replace(/\[ (.*) \]/, '[$1]');
  const sample = name === 'dedupe.rules' ? DEDUPE_SAMPLE : [];
  return [...comment(schema.description ?? '', '  '), ...sample, `  ${isSample ? '# ' : ''}${flow}`].join(
    '\n',
  );
}

function comment(text: string, indent: string): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    if (line !== '' && indent.length + 2 + line.length + 1 + word.length > WIDTH) {
      lines.push(line);
      line = '';
    }
    line = line === '' ? word : `${line} ${word}`;
  }
  return [...lines, line].map((one) => `${indent}# ${one}`);
}

function shapeOf(schema: unknown): Record<string, z.ZodType> {
  return (unwrap(schema) as { shape: Record<string, z.ZodType> }).shape;
}
