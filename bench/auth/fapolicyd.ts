// fapolicyd out of Debian's package, not installed: nothing of it is enabled, and nothing is left behind. It watches every
// ext2 filesystem that it sees, so it runs in a mount namespace of its own in which there is only the one to be measured;
// where another one can't be taken out of that namespace, it is not started.
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Cleanup } from '../../test/system/harness/cleanup.ts';
import { start } from '../../test/system/harness/process.ts';
import type { Scratch } from '../../test/system/harness/scratch.ts';
import { waitFor } from '../../test/system/harness/wait.ts';

const INSTALLED = '/usr/sbin/fapolicyd';
const PACKAGES = ['fapolicyd', 'liblmdb0'];

/** As shipped by Debian, but: one filesystem, nobody is denied anything, and no user of its own. */
const CONFIGURATION = `permissive = 1
nice_val = 14
q_size = 1024
uid = root
gid = root
do_stat_report = 0
detailed_report = 0
db_max_size = 50
subj_cache_size = 1549
obj_cache_size = 8191
watch_fs = ext2
trust = file
integrity = none
syslog_format = rule,dec,perm,auid,pid,exe,:,path,ftype,trust
rpm_sha256_only = 0
allow_filesystem_mark = 1
`;
const RULE = 'allow perm=any all : all\n';

/** Arguments: the mount point to be watched, a folder with etc, share and lib, the program, folders of its libraries. */
const IN_NAMESPACE = `
set -eu
own=$1 folder=$2 program=$3 libraries=$4
while read -r _ point type _; do
  [ "$type" != ext2 ] || [ "$point" = "$own" ] || umount -l "$point"
done </proc/self/mounts
mount -t overlay -o "lowerdir=$folder/etc:/etc" overlay /etc
mount -t overlay -o "lowerdir=$folder/share:/usr/share" overlay /usr/share
mount -t overlay -o "lowerdir=$folder/lib:/var/lib" overlay /var/lib
mount -t tmpfs tmpfs /var/lib/fapolicyd
mount -t tmpfs tmpfs /run
mkdir /run/fapolicyd
exec setpriv --pdeathsig KILL env LD_LIBRARY_PATH="$libraries" "$program" --permissive --debug-deny
`;

/** Returns why there is none, or nothing once it answers for the filesystem. */
export async function startFapolicyd(cleanup: Cleanup, scratch: Scratch): Promise<string | undefined> {
  const folder = join(scratch.folder, 'fapolicyd');
  try {
    const { program, libraries } = unpack(folder);
    writeConfiguration(folder, scratch);
    const daemon = start(cleanup, 'unshare', [
      ...['-m', '--propagation', 'private', 'sh', '-c', IN_NAMESPACE, 'sh'],
      ...[scratch.mount, folder, program, libraries],
    ]);
    await waitFor(
      () => `fapolicyd to listen; it said ${daemon.stderr()}`,
      () => {
        if (daemon.child.exitCode !== null) throw new Error(`it ended: ${daemon.stderr()}`);
        return daemon.stderr().includes('Starting to listen');
      },
    );
    const watched = [...daemon.stderr().matchAll(/^added (.*) mount point$/gm)].map(([, point]) => point);
    if (watched.length === 1 && watched[0] === scratch.mount) return undefined;
    await daemon.stop();
    return `it would have watched ${watched.join(', ')}`;
  } catch (error) {
    return error instanceof Error ? (error.message.split('\n')[0] ?? '') : String(error);
  }
}

function unpack(folder: string): { readonly program: string; readonly libraries: string } {
  mkdirSync(join(folder, 'share'), { recursive: true });
  if (existsSync(INSTALLED)) return { program: INSTALLED, libraries: '' };
  const root = join(folder, 'package');
  mkdirSync(root, { recursive: true });
  execFileSync('apt-get', ['download', ...PACKAGES], { cwd: root, stdio: ['ignore', 'ignore', 'pipe'] });
  for (const archive of readdirSync(root).filter((name) => name.endsWith('.deb')))
    execFileSync('dpkg-deb', ['-x', join(root, archive), root]);
  execFileSync('cp', ['-r', join(root, 'usr/share/fapolicyd'), join(folder, 'share')]);
  const libraries = readdirSync(join(root, 'usr/lib')).map((name) => join(root, 'usr/lib', name));
  return { program: join(root, INSTALLED), libraries: libraries.join(':') };
}

function writeConfiguration(folder: string, scratch: Scratch): void {
  const etc = join(folder, 'etc/fapolicyd');
  for (const made of [join(etc, 'trust.d'), join(etc, 'rules.d'), join(folder, 'lib/fapolicyd')])
    mkdirSync(made, { recursive: true });
  writeFileSync(join(etc, 'fapolicyd.conf'), CONFIGURATION);
  writeFileSync(join(etc, 'compiled.rules'), RULE);
  // One entry, for it does not start on an empty database.
  const trusted = scratch.file('trusted');
  const [hash = ''] = execFileSync('sha256sum', [trusted], { encoding: 'utf8' }).split(' ');
  writeFileSync(join(etc, 'fapolicyd.trust'), `${trusted} ${'trusted'.length} ${hash}\n`);
}
