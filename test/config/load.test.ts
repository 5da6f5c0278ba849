import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { ConfigError, defaultConfig, loadConfig, parseConfig } from '../../src/config/load.ts';
import { natsConnectionOptions } from '../../src/config/nats-options.ts';
import { everyKey, renderExample } from './render-example.ts';

const EXAMPLE = new URL('../../picket.example.yaml', import.meta.url).pathname;

describe('picket.example.yaml', () => {
  test('has every key of the schema, in its words, with its default', async () => {
    await expect(renderExample()).toMatchFileSnapshot(EXAMPLE);
  });

  test('is the default configuration', () => {
    expect(parseConfig(renderExample(), 'picket.example.yaml')).toEqual(defaultConfig());
  });

  test('tells of every key what it is', () => {
    for (const { name, description } of everyKey()) expect(description, name).not.toBe('');
  });
});

describe('a wrong configuration', () => {
  const problemOf = (text: string): string => {
    try {
      parseConfig(text, 'picket.yaml');
    } catch (error) {
      if (error instanceof ConfigError) return error.message;
      throw error;
    }
    throw new Error('the configuration was taken');
  };

  test('names file, line and column of an unknown key, and the key that was meant', () => {
    expect(problemOf('agent:\n  name: a\nnats:\n  sevrers: [x]\n')).toBe(
      'picket.yaml:4:3: unknown key nats.sevrers; did you mean servers?',
    );
  });

  test('lists the keys where none is near', () => {
    expect(problemOf('log:\n  colour: red\n')).toContain('known here: level');
  });

  test('names the place of a wrong value', () => {
    expect(problemOf('batch:\n  max_age_ms: soon\n')).toMatch(
      /^picket\.yaml:2:15: batch\.max_age_ms: .*number/,
    );
    expect(problemOf('queue:\n  policy: spill\n')).toMatch(/^picket\.yaml:2:11: queue\.policy: .*shed/);
    expect(problemOf('dedupe:\n  rules:\n    - { on: [notify.open], keys: x }\n')).toContain(
      'did you mean key?',
    );
  });

  test('names the value that was meant, and what is expected in the words of YAML', () => {
    expect(problemOf('queue: { policy: shde }')).toBe('picket.yaml:1:18: queue.policy: did you mean shed?');
    expect(problemOf('guard: { filesystems: local }')).toBe(
      'picket.yaml:1:23: guard.filesystems: expected a list',
    );
    expect(problemOf('local')).toBe('picket.yaml:1:1: the file: expected a map of keys');
  });

  test('tells all problems at once', () => {
    expect(problemOf('log:\n  level: loud\nagent:\n  nmae: x\n').split('\n')).toHaveLength(2);
  });

  test('names the key that another one rules out, or that is nothing alone', () => {
    expect(problemOf('nats:\n  user: a\n  token: b\n')).toBe(
      'picket.yaml:2:9: nats.user: there is token already; the server wants one of them',
    );
    expect(problemOf('nats:\n  password: b\n')).toBe('picket.yaml:2:13: nats.password: is without a user');
    expect(problemOf('nats:\n  tls_cert_file: b\n')).toContain('without its tls_key_file');
  });

  test('names an action or trigger that does not exist, which would be a setting that nobody follows', () => {
    expect(problemOf('guard:\n  defaults: { exce: deny }\n')).toBe(
      'picket.yaml:2:21: guard.defaults.exce: there is no auth event of this action; did you mean exec?',
    );
    expect(problemOf('guard:\n  max_wait_ms: { opne: 5 }\n')).toContain('did you mean open?');
    expect(problemOf('dedupe:\n  rules:\n    - { on: [notify.opne], key: "{file.path}" }\n')).toContain(
      'did you mean notify.open?',
    );
    expect(problemOf('nats: { stream: a.b }\n')).toContain('nats.stream: no spaces, dots');
  });

  test('shows no text of a password that YAML takes for something else', () => {
    const problem = problemOf('nats:\n  user: a\n  password: *s3cret\n');
    expect(problem).toMatch(/^picket\.yaml:3:13: .*put it in quotes/);
    expect(problem).not.toContain('s3cret');
    expect(problemOf('nats:\n  user: a\n  password: 8125\n')).not.toContain('8125');
  });

  test('says where YAML breaks', () => {
    expect(problemOf('agent:\n  name: [a\n')).toMatch(/^picket\.yaml:\d+:\d+: not valid YAML/);
  });
});

describe('a configuration file', () => {
  let folder: string;

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'picket-config-'));
  });

  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  test('has its paths from its own folder', async () => {
    const file = join(folder, 'picket.yaml');
    writeFileSync(file, 'rules:\n  paths: [mine, /etc/rules]\nnats:\n  tls_ca_file: ca.pem\n');
    const config = await loadConfig(file);
    expect(config.rules.paths).toEqual([join(folder, 'mine'), '/etc/rules']);
    expect(config.nats.tls_ca_file).toBe(join(folder, 'ca.pem'));
  });

  test('that is not there is an error that says so', async () => {
    await expect(loadConfig(join(folder, 'no.yaml'))).rejects.toThrow(
      "the configuration can't be read: it does not exist",
    );
  });

  test('that is empty is the default configuration', async () => {
    const file = join(folder, 'picket.yaml');
    writeFileSync(file, '');
    expect((await loadConfig(file)).batch).toEqual(defaultConfig().batch);
  });
});

describe('what the NATS client is given', () => {
  const optionsOf = (text: string) => natsConnectionOptions(parseConfig(text, 'picket.yaml'));

  test('are files that can be read', async () => {
    await expect(optionsOf('nats: { tls_ca_file: /no/ca.pem }')).rejects.toThrow(
      "/no/ca.pem: nats.tls_ca_file can't be read: it does not exist",
    );
    await expect(optionsOf('nats: { credentials_file: /no/x.creds }')).rejects.toThrow(ConfigError);
  });

  test('are addresses without a password, which the message does not show either', async () => {
    const wrong = 'nats: { servers: ["nats://a:s3cret@host:4222"] }';
    const said = 'picket.yaml:1:19: nats.servers.0: an address holds a user';
    expect(() => optionsOf(wrong)).toThrow(said);
    expect(() => optionsOf(wrong)).toThrow(
      expect.not.objectContaining({ message: expect.stringContaining('s3cret') }),
    );
  });

  test.each([
    'nats://127.0.0.1:4222',
    'tls://nats.example',
    'nats.example:4222',
    '[::1]:4222',
    'nats://localhost/',
  ])('take the address %s', async (address) => {
    expect(await optionsOf(`nats: { servers: ["${address}"] }`)).toMatchObject({ servers: [address] });
  });

  test.each(['nats://x:99999', 'http://nats.example', '', 'nats://', 'a b'])(
    'do not take the address "%s"',
    (address) => {
      expect(() => optionsOf(`nats: { servers: ["${address}"] }`)).toThrow(
        'picket.yaml:1:19: nats.servers.0: this is no address of a server',
      );
    },
  );
});
