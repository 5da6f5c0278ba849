// May this machine's kernel be guarded by us? If not, why: the demo says so and plays a recording.
import { probeBridge } from '../doctor/probe.ts';

/** Undefined: the demo may run on the real kernel. Else a sentence for a person. */
export async function whyNotLive(bridgeBinary: string): Promise<string | undefined> {
  if (process.platform === 'darwin') {
    return 'on macOS the kernel asks only a signed Endpoint Security extension, which this checkout is not';
  }
  if (process.platform !== 'linux') return `there is no backend for ${process.platform}`;
  if (process.getuid?.() !== 0) return 'guarding a filesystem needs root, and this is another user';
  const probe = await probeBridge(bridgeBinary);
  if (probe === undefined) return `${bridgeBinary} could not try the kernel`;
  const failure = [...probe.lines.values()].find(({ state }) => state === 'fail');
  return failure === undefined ? undefined : `${failure.name}: ${failure.found}`;
}
