// Is NATS there, new enough and with JetStream?
import { type Check, type Finding, not, ok } from './check.ts';

/** Debian 12's; older servers lack direct get as Picket uses it. */
const MINIMUM = '2.9.10';

export const checkNatsServer: Check = async (context) => {
  const servers = context.natsServers.join(', ');
  const connection = await context.nats();
  if (connection instanceof Error) {
    return not(
      'fail',
      'nats',
      `no answer from ${servers} (${connection.message})`,
      'start it: nats-server --jetstream, or correct nats.servers in the configuration',
    );
  }
  const version = connection.info?.version ?? '0';
  const findings: Finding[] = [];
  if (compareVersions(version, MINIMUM) < 0) {
    findings.push(
      ...not('fail', 'nats', `nats-server ${version} at ${servers}`, `update it to ${MINIMUM} or newer`),
    );
  } else {
    findings.push(
      ...ok('nats', `nats-server ${version} at ${servers}, round trip ${await connection.rtt()} ms`),
    );
  }
  findings.push(
    ...(connection.info?.jetstream === true
      ? ok('jetstream', 'enabled')
      : not(
          'fail',
          'jetstream',
          'not enabled on this server',
          'start nats-server with --jetstream or a jetstream block',
        )),
  );
  return findings;
};

export function compareVersions(a: string, b: string): number {
  const [left, right] = [a, b].map((version) =>
    version.split(/[.-]/).map((part) => Number.parseInt(part, 10) || 0),
  );
  for (let index = 0; index < 3; index++) {
    const difference = (left?.[index] ?? 0) - (right?.[index] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}
