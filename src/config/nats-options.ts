// What the NATS client is given: the configuration's servers, credentials and certificates.
import { readFile } from 'node:fs/promises';
import {
  type ConnectionOptions,
  credsAuthenticator,
  tokenAuthenticator,
  usernamePasswordAuthenticator,
} from '@nats-io/transport-node';
import { reasonOf } from '../system-error.ts';
import { ConfigError } from './load.ts';
import type { Config } from './schema.ts';

/** Throws ConfigError when a file that it names can't be read. */
export async function natsConnectionOptions({ agent, nats }: Config): Promise<ConnectionOptions> {
  for (const key of ['tls_ca_file', 'tls_cert_file', 'tls_key_file'] as const) {
    const file = nats[key];
    // The client reads them anew for each connection; what is wrong now would be retried for ever.
    if (file !== undefined) await readNamed(key, file);
  }
  const authenticator = await authenticatorOf(nats);
  const hasTls = nats.tls_ca_file !== undefined || nats.tls_cert_file !== undefined;
  const tls = hasTls
    ? {
        tls: {
          ...(nats.tls_ca_file === undefined ? {} : { caFile: nats.tls_ca_file }),
          ...(nats.tls_cert_file === undefined ? {} : { certFile: nats.tls_cert_file }),
          ...(nats.tls_key_file === undefined ? {} : { keyFile: nats.tls_key_file }),
        },
      }
    : {};
  return {
    servers: nats.servers,
    name: `picket ${agent.name}`,
    ...(authenticator === undefined ? {} : { authenticator }),
    ...tls,
  };
}

async function authenticatorOf(nats: Config['nats']) {
  if (nats.credentials_file !== undefined)
    return credsAuthenticator(await readNamed('credentials_file', nats.credentials_file));
  if (nats.token !== undefined) return tokenAuthenticator(nats.token);
  if (nats.user !== undefined) return usernamePasswordAuthenticator(nats.user, nats.password);
  return undefined;
}

async function readNamed(key: string, file: string): Promise<Uint8Array> {
  try {
    return await readFile(file);
  } catch (cause) {
    const message = `nats.${key} can't be read: ${reasonOf(cause)}`;
    throw new ConfigError([{ file, line: 0, column: 0, message }], { cause });
  }
}
