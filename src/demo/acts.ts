// What the live demo does on the scratch mount, and what ought to come of it.
import { join } from 'node:path';
import type { Trigger } from '../events/triggers.ts';
import { placeFile, placeProgram } from './scratch.ts';

export interface Act {
  readonly title: string;
  readonly kind: 'open' | 'exec';
  /** Below the scratch mount. */
  readonly path: string;
  readonly args: readonly string[];
  readonly expected: 'allow' | 'deny';
  /** The events that must come back for it, the one that decides first; paths below the scratch mount. */
  readonly events: readonly { readonly trigger: Trigger; readonly path: string }[];
}

export const ACTS: readonly Act[] = [
  {
    title: 'A program starts',
    kind: 'exec',
    path: 'bin/hello',
    args: ['hello from a guarded filesystem'],
    expected: 'allow',
    events: [
      { trigger: 'auth.exec', path: 'bin/hello' },
      { trigger: 'notify.exec', path: 'bin/hello' },
    ],
  },
  {
    title: 'A file is read',
    kind: 'open',
    path: 'notes/readme.txt',
    args: [],
    expected: 'allow',
    events: [{ trigger: 'auth.open', path: 'notes/readme.txt' }],
  },
  {
    title: 'The vault reads its secret',
    kind: 'exec',
    path: 'bin/vault',
    args: ['secrets/payroll.csv'],
    expected: 'allow',
    events: [
      { trigger: 'auth.exec', path: 'bin/vault' },
      { trigger: 'auth.open', path: 'secrets/payroll.csv' },
    ],
  },
  {
    title: 'Another program tries the same: a rule denies it, and the agent says so in time',
    kind: 'open',
    path: 'secrets/payroll.csv',
    args: [],
    expected: 'deny',
    events: [{ trigger: 'auth.open', path: 'secrets/payroll.csv' }],
  },
  {
    title: 'A program that anybody may change is started: denied',
    kind: 'exec',
    path: 'downloads/invoice',
    args: [],
    expected: 'deny',
    events: [{ trigger: 'auth.exec', path: 'downloads/invoice' }],
  },
  {
    title: 'A path alone decides: the bridge denies by itself, the agent is not asked',
    kind: 'open',
    path: 'sealed.txt',
    args: [],
    expected: 'deny',
    events: [{ trigger: 'auth.open', path: 'sealed.txt' }],
  },
  {
    title: 'A rule in shadow mode says what it would have done, and does nothing',
    kind: 'open',
    path: 'backups/old.bak',
    args: [],
    expected: 'allow',
    events: [{ trigger: 'auth.open', path: 'backups/old.bak' }],
  },
];

const LOAD_FILES = 16;

/** Puts everything on the scratch mount; the paths that the load opens. */
export function furnish(mount: string): readonly string[] {
  placeProgram(join(mount, 'bin/hello'), '/bin/echo');
  placeProgram(join(mount, 'bin/vault'), '/bin/cat');
  placeProgram(join(mount, 'downloads/invoice'), '/bin/true', 0o777);
  placeFile(join(mount, 'notes/readme.txt'), 'Nothing to hide here.\n');
  placeFile(join(mount, 'secrets/payroll.csv'), 'name,salary\nada,7300\n', 0o600);
  placeFile(join(mount, 'sealed.txt'), 'sealed\n');
  placeFile(join(mount, 'backups/old.bak'), 'backup\n');
  return Array.from({ length: LOAD_FILES }, (_, number) => {
    const path = join(mount, 'load', `${number}.txt`);
    placeFile(path, `${number}\n`);
    return path;
  });
}
