// Asks the bridge to try what it will need from this kernel: permission events on a private tmpfs in a mount
// namespace of its own, handles, leases, the proc connector, eBPF. Only native code can, and the bridge is that code.
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

const PROBE_TIMEOUT_MS = 10_000;

/** One line of `picket-bridge --probe`: `<name> <ok|warn|fail> <sentence>`. */
interface ProbeLine {
  readonly name: string;
  readonly state: 'ok' | 'warn' | 'fail';
  readonly found: string;
}

export interface BridgeProbe {
  readonly lines: ReadonlyMap<string, ProbeLine>;
}

export async function probeBridge(binary: string): Promise<BridgeProbe | undefined> {
  try {
    const { stdout } = await promisify(execFile)(binary, ['--probe'], { timeout: PROBE_TIMEOUT_MS });
    return parseProbe(stdout);
  } catch (error) {
    // It exits 1 where something is missing, and has still said what.
    const { stdout } = error as { stdout?: unknown };
    return typeof stdout === 'string' && stdout !== '' ? parseProbe(stdout) : undefined;
  }
}

export function parseProbe(text: string): BridgeProbe | undefined {
  const lines = new Map<string, ProbeLine>();
  for (const line of text.split('\n')) {
    const match = /^([a-z-]+) (ok|warn|fail) (.*)$/.exec(line);
    const [, name, state, found] = match ?? [];
    if (name === undefined || found === undefined) continue;
    lines.set(name, { name, state: state as ProbeLine['state'], found });
  }
  return lines.size === 0 ? undefined : { lines };
}
