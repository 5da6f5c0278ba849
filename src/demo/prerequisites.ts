// May this machine's kernel be guarded by us? If not, why: the demo says so and plays a recording.
import { mendOf } from '../doctor/fanotify.ts';
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
  // The bridge does without the proc connector, but the demo shows a program that was seen to start.
  const failure = [...probe.lines.values()].find(
    ({ name, state }) => state === 'fail' || (name === 'proc-connector' && state !== 'ok'),
  );
  if (failure === undefined) return undefined;
  const mend = mendOf(failure.name);
  return `${failure.name}: ${failure.found}${mend === undefined ? '' : ` (${mend})`}`;
}
