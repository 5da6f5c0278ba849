// Node 24 runs TypeScript as it stands and brings zstd.
import { type Check, not, ok } from './check.ts';

const MINIMUM = 24;

export const checkNodeVersion: Check = async () => {
  const found = `Node ${process.versions.node}`;
  if (Number.parseInt(process.versions.node, 10) >= MINIMUM) return ok('node', found);
  return not(
    'fail',
    'node',
    `${found}; Picket needs ${MINIMUM} or newer`,
    "run 'npm run setup', start bin/picket",
  );
};
