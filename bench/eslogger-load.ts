// Writes eslogger lines as a busy Mac gives them, any number of them: `node bench/eslogger-load.ts 1000000 > load.ndjson`.
// Mostly opens and closes, fewer lookups of other kinds, execs and exits between them; the same lines every time.
import { once } from 'node:events';

const CHUNK_LINES = 512;
const PROGRAMS = [
  '/usr/bin/git',
  '/bin/zsh',
  '/usr/libexec/xpcproxy',
  '/Applications/Safari.app/Contents/MacOS/Safari',
];

/** One line of the load, without its end. */
export function esloggerLine(number: number): string {
  const program = PROGRAMS[number % PROGRAMS.length] as string;
  const turn = number % 20;
  if (turn === 0) return line(number, 9, 'exec', execBody(number), program);
  if (turn === 1) return line(number, 15, 'exit', '{"stat":0}', program);
  if (turn === 2) return line(number, 11, 'fork', `{"child":${processJson(number + 1, program)}}`, program);
  if (turn === 3) return line(number, 25, 'rename', renameBody(number), program);
  if (turn === 4)
    return line(number, 32, 'unlink', `{"target":${fileJson(number)},"parent_dir":${fileJson(7)}}`, program);
  if (turn < 13) return line(number, 10, 'open', `{"fflag":1,"file":${fileJson(number)}}`, program);
  return line(
    number,
    12,
    'close',
    `{"modified":false,"target":${fileJson(number)},"was_mapped_writable":false}`,
    program,
  );
}

function line(number: number, type: number, name: string, body: string, program: string): string {
  const nanos = String(number % 1_000_000_000).padStart(9, '0');
  return (
    `{"schema_version":1,"mach_time":${90_000_000_000 + number},"event_type":${type},"process":${processJson(number, program)},` +
    `"version":9,"thread":{"thread_id":${4000 + (number % 64)}},"action":{"result":{"result":{"auth":0},"result_type":0}},` +
    `"action_type":1,"event":{"${name}":${body}},"seq_num":${number},"global_seq_num":${number},` +
    `"time":"2026-10-04T17:50:33.${nanos}Z"}`
  );
}

function fileJson(number: number): string {
  return (
    `{"path":"\\/Users\\/anna\\/Projects\\/picket\\/src\\/file-${number % 5000}.ts","path_truncated":false,` +
    `"stat":${statJson(33188, number)}}`
  );
}

function statJson(mode: number, number: number): string {
  const time = '"2026-09-30T08:15:00.123456789Z"';
  return (
    `{"st_dev":16777234,"st_ino":${1152921500312000000n + BigInt(number % 5000)},"st_mode":${mode},"st_nlink":1,` +
    `"st_uid":501,"st_gid":20,"st_rdev":0,"st_atimespec":${time},"st_mtimespec":${time},"st_ctimespec":${time},` +
    `"st_birthtimespec":${time},"st_size":${number % 9000},"st_blocks":8,"st_blksize":4096,"st_flags":32,"st_gen":0}`
  );
}

function processJson(number: number, program: string): string {
  const token = (pid: number): string =>
    `{"asid":100008,"auid":501,"egid":20,"euid":501,"pid":${pid},"pidversion":${pid * 3},"rgid":20,"ruid":501}`;
  const pid = 300 + (number % 900);
  return (
    `{"audit_token":${token(pid)},"ppid":1,"original_ppid":1,"group_id":${pid},"session_id":1,"codesigning_flags":570509313,` +
    '"is_platform_binary":true,"is_es_client":false,"cdhash":"8c5a1b6d0f2e4a7390bbd1c6e5f8a90712345abc",' +
    `"signing_id":"com.apple.tool","team_id":null,"executable":{"path":${JSON.stringify(program).replaceAll('/', '\\/')},` +
    `"path_truncated":false,"stat":${statJson(33261, number)}},"tty":null,"start_time":"2026-10-04T17:49:00.000000Z",` +
    `"responsible_audit_token":${token(pid)},"parent_audit_token":${token(1)}}`
  );
}

function execBody(number: number): string {
  const target = processJson(number, '/usr/bin/git');
  return (
    `{"target":${target},"args":["git","status","--porcelain","--file=${number % 100}"],` +
    '"env":["PATH=\\/usr\\/bin:\\/bin","HOME=\\/Users\\/anna","LANG=de_DE.UTF-8"],' +
    `"cwd":${fileJson(3)},"script":null,"last_fd":9,"image_cputype":16777228,"image_cpusubtype":-2147483646,` +
    '"dyld_exec_path":"\\/usr\\/bin\\/git","fds":[{"fd":0,"fdtype":1},{"fd":1,"fdtype":1},{"fd":2,"fdtype":1}]}'
  );
}

function renameBody(number: number): string {
  const made = `{"new_path":{"dir":${fileJson(5)},"filename":"saved-${number % 100}.ts"}}`;
  return `{"source":${fileJson(number)},"destination_type":1,"destination":${made}}`;
}

if (import.meta.main) {
  const count = Number(process.argv[2] ?? 100_000);
  for (let from = 0; from < count; from += CHUNK_LINES) {
    const lines: string[] = [];
    for (let number = from; number < Math.min(count, from + CHUNK_LINES); number++)
      lines.push(esloggerLine(number));
    if (!process.stdout.write(`${lines.join('\n')}\n`)) await once(process.stdout, 'drain');
  }
}
