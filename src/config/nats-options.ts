// What the NATS client is given: the configuration's servers, credentials and certificates.
import { readFile } from 'node:fs/promises';
import {
  type ConnectionOptions,
  credsAuthenticator,
  tokenAuthenticator,
  usernamePasswordAuthenticator,
} from '@nats-io/transport-node';
import { ConfigError } from './load.ts';
import type { Config } from './schema.ts';

/** Throws ConfigError when a file that it names cannot be read. */
export async function natsConnectionOptions({ agent, nats }: Config): Promise<ConnectionOptions> {
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
    return credsAuthenticator(await readCredentials(nats.credentials_file));
  if (nats.token !== undefined) return tokenAuthenticator(nats.token);
  if (nats.user !== undefined) return usernamePasswordAuthenticator(nats.user, nats.password);
  return undefined;
}

async function readCredentials(file: string): Promise<Uint8Array> {
  try {
    return await readFile(file);
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new ConfigError(
      [{ file, line: 0, column: 0, message: `cannot read nats.credentials_file: ${why}` }],
      { cause },
    );
  }
}
