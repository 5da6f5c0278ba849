// The servers of NATS, for every command that talks to them.
import { InvalidArgumentError, Option } from 'commander';
import { faultOfAddress } from '../config/server-address.ts';

export function natsOption(description = 'NATS servers (nats.servers)'): Option {
  return new Option('--nats <url...>', description).argParser(
    (address: string, before: readonly string[] | undefined): readonly string[] => {
      const fault = faultOfAddress(address);
      if (fault !== undefined) throw new InvalidArgumentError(fault);
      return [...(before ?? []), address];
    },
  );
}
