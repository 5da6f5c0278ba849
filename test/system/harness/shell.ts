// A shell that does as it is told and says when. What it runs may wait for the test's own verdict, which a program that the
// test starts itself may not: Node waits for its exec.
import type { Cleanup } from './cleanup.ts';
import { type Running, start } from './process.ts';
import { waitFor } from './wait.ts';

/** In a mount namespace of its own, as root makes one, or with a user namespace, as anybody may. */
export type Place = 'here' | 'mount-namespace' | 'user-namespace';

export interface Shell {
  readonly running: Running;
  /** Runs a command and returns its exit code; 126 is a program that may not run. */
  run(command: string): Promise<number>;
  /** Starts a program that reads its stdin for as long as the shell lives, and returns its pid. */
  begin(command: string): Promise<number>;
}

const LAUNCHERS: Readonly<Record<Place, readonly string[]>> = {
  here: ['env'],
  'mount-namespace': ['unshare', '-m'],
  'user-namespace': ['unshare', '-Urm'],
};
const LOOP = 'while read -r line; do eval "$line"; printf "\\ndone %s\\n" "$?"; done';

export function startShell(cleanup: Cleanup, place: Place = 'here'): Shell {
  const [launcher = '', ...args] = LAUNCHERS[place];
  const running = start(cleanup, launcher, [...args, 'sh', '-c', LOOP], { stdin: 'pipe' });
  let told = 0;
  const run = async (command: string): Promise<number> => {
    const number = told++;
    running.child.stdin?.write(`${command}\n`);
    const answer = await waitFor(
      () => `${command}; it said ${running.stderr()}`,
      () => {
        return [...running.stdout().matchAll(/^done (\d+)$/gm)][number];
      },
    );
    return Number(answer[1]);
  };
  return {
    running,
    run,
    async begin(command) {
      const before = running.stdout().length;
      await run(`${command} <&3 & echo pid $!`);
      return Number(/^pid (\d+)$/m.exec(running.stdout().slice(before))?.[1]);
    },
  };
}
