// Is the bridge built, and does it start?
import { execFile } from 'node:child_process';
import { access, constants } from 'node:fs/promises';
import { promisify } from 'node:util';
import { type Check, not, ok } from './check.ts';

export const checkBridgeBinary: Check = async ({ bridgeBinary }) => {
  try {
    await access(bridgeBinary, constants.X_OK);
  } catch {
    return not(
      'fail',
      'bridge',
      `${bridgeBinary} is not there`,
      "build it: 'npm run setup', or 'make -C native-bridge'",
    );
  }
  try {
    await promisify(execFile)(bridgeBinary, ['--help'], { timeout: 5_000 });
    return ok('bridge', bridgeBinary);
  } catch (error) {
    const reason = error instanceof Error ? error.message.split('\n')[0] : String(error);
    return not(
      'fail',
      'bridge',
      `${bridgeBinary} does not start: ${reason}`,
      "build it again: 'make -C native-bridge clean all'",
    );
  }
};
