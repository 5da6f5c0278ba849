// Addresses of NATS servers, in the forms that the client takes: a host, with a port or without, behind a scheme or not.

const FORM = /^(?:(?:nats|tls):\/\/)?(?<host>[^/@\s?#]+)\/?$/i;

/** undefined: it is one. No word of the address stands in the fault, for it may hold a password. */
export function faultOfAddress(address: string): string | undefined {
  if (address.includes('@'))
    return (
      'an address holds a user or a token; write them as nats.user and nats.password, or nats.token, in the ' +
      'configuration'
    );
  const host = FORM.exec(address)?.groups?.host;
  // The scheme is one of which every port is written out.
  if (host === undefined || !URL.canParse(`nats://${host}`))
    return 'this is no address of a server; expected such as nats://nats.example:4222';
  return undefined;
}
