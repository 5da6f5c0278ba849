// eslogger's lines as Apple's headers and eslogger's output describe them: every event type, every message version.
// Written from those descriptions and independent of the parser. Every leaf is different from every other where its
// type allows it, so that a test can tell which were found again.
import { ES_EVENT_TYPES } from '../../src/events/es-event-types.ts';
import { Values } from './sample-values.ts';

export const MESSAGE_VERSIONS = [1, 2, 4, 5, 6, 7, 8, 9, 10] as const;

export type Json = null | boolean | number | bigint | string | Json[] | { [key: string]: Json };
type Members = { [key: string]: Json };

/** One line's object: type by its number, message by its version. */
export function esloggerSample(type: number, version: number): Members {
  const known = ES_EVENT_TYPES[type];
  const name = known?.name ?? `event_of_tomorrow_${type}`;
  const isAuth = known?.kind === 'auth';
  const make = new Maker(new Values(type), version);
  const { values } = make;
  const message: Members = {
    schema_version: 1,
    mach_time: values.number(),
    event_type: type,
    process: make.process(),
    version,
    action_type: isAuth ? 0 : 1,
    time: values.time(),
    event: { [name]: make.body(name) },
  };
  if (isAuth) {
    message['action'] = { auth: {} };
    message['deadline'] = values.number();
  } else {
    message['action'] = { result: { result: { auth: 0 }, result_type: 0 } };
  }
  if (version >= 2) message['seq_num'] = values.number();
  if (version >= 4) {
    message['global_seq_num'] = values.number();
    message['thread'] = type % 7 === 0 ? null : { thread_id: values.number() };
  }
  return message;
}

class Maker {
  readonly values: Values;
  readonly version: number;

  constructor(values: Values, version: number) {
    this.values = values;
    this.version = version;
  }

  token(): Json {
    const names = ['auid', 'euid', 'egid', 'ruid', 'rgid', 'pid', 'asid', 'pidversion'];
    const numbers = names.map(() => this.values.number());
    if (this.version >= 10) return numbers;
    return Object.fromEntries(names.map((name, i) => [name, numbers[i] as number]));
  }

  stat(): Members {
    const { values } = this;
    return {
      st_dev: 16777234,
      st_ino: values.big(),
      st_mode: 33261,
      st_nlink: values.number(),
      st_uid: values.number(),
      st_gid: values.number(),
      st_rdev: values.number(),
      st_atimespec: values.time(),
      st_mtimespec: values.time(),
      st_ctimespec: values.time(),
      st_birthtimespec: values.time(),
      st_size: values.number(),
      st_blocks: values.number(),
      st_blksize: values.number(),
      st_flags: values.number(),
      st_gen: values.number(),
    };
  }

  file(stem = 'file'): Members {
    return { path: this.values.path(stem), path_truncated: false, stat: this.stat() };
  }

  process(): Members {
    const { values, version } = this;
    const process: Members = {
      audit_token: this.token(),
      ppid: values.number(),
      original_ppid: values.number(),
      group_id: values.number(),
      session_id: values.number(),
      codesigning_flags: 0x22000000 + values.number(),
      is_platform_binary: true,
      is_es_client: false,
      cdhash: values.hex(20),
      signing_id: values.text('com.apple.tool'),
      team_id: version % 2 === 0 ? null : values.text('TEAM'),
      executable: this.file('tool'),
    };
    if (version >= 2) process['tty'] = version % 2 === 0 ? null : this.file('ttys001');
    if (version >= 3) process['start_time'] = values.time();
    if (version >= 4) {
      process['responsible_audit_token'] = this.token();
      process['parent_audit_token'] = this.token();
    }
    if (version >= 10) process['cs_validation_category'] = values.number();
    return process;
  }

  body(name: string): Members {
    const { values, version } = this;
    const target = (): Members => ({ target: this.file() });
    switch (name) {
      case 'exec': {
        const exec: Members = {
          target: this.process(),
          args: [values.text('tool'), '', values.text('--ärg')],
          env: [`PATH=${values.text('/bin')}`],
          fds: [{ fd: 0, fdtype: 1 }, { fd: 1, fdtype: 2, pipe: { pipe_id: values.big() } }],
        };
        if (version >= 2) exec['script'] = version % 2 === 0 ? null : this.file('script.sh');
        if (version >= 3) exec['cwd'] = this.file('cwd');
        if (version >= 4) exec['last_fd'] = values.number();
        if (version >= 6) Object.assign(exec, { image_cputype: 16777228, image_cpusubtype: -2147483646 });
        if (version >= 7) exec['dyld_exec_path'] = values.path('dyld');
        return exec;
      }
      case 'fork':
        return { child: this.process() };
      case 'exit':
        return { stat: (values.number() & 0xff) << 8 };
      case 'open':
        return { fflag: values.number(), file: this.file() };
      case 'close':
        return { modified: true, target: this.file(), was_mapped_writable: version >= 6 ? false : null };
      case 'create':
        return version % 2 === 0
          ? { destination_type: 0, destination: { existing_file: this.file('made') }, acl: null }
          : {
              destination_type: 1,
              destination: { new_path: { dir: this.file('folder'), filename: values.text('made'), mode: 33188 } },
              acl: values.text('acl'),
            };
      case 'rename':
        return {
          source: this.file('before'),
          destination_type: version % 2,
          destination:
            version % 2 === 0
              ? { existing_file: this.file('after') }
              : { new_path: { dir: this.file('folder'), filename: values.text('after') } },
        };
      case 'unlink':
        return { ...target(), parent_dir: this.file('folder') };
      case 'link':
        return { source: this.file(), target_dir: this.file('folder'), target_filename: values.text('linked') };
      case 'clone':
        return { source: this.file(), target_dir: this.file('folder'), target_name: values.text('cloned') };
      case 'copyfile':
        return {
          source: this.file(),
          target_file: version % 2 === 0 ? null : this.file('over'),
          target_dir: this.file('folder'),
          target_name: values.text('copied'),
          mode: values.number(),
          flags: values.number(),
        };
      case 'exchangedata':
        return { file1: this.file('one'), file2: this.file('two') };
      case 'setmode':
        return { ...target(), mode: values.number() };
      case 'setowner':
        return { ...target(), uid: values.number(), gid: values.number() };
      case 'setflags':
        return { ...target(), flags: values.number() };
      case 'setextattr':
      case 'getextattr':
      case 'deleteextattr':
        return { ...target(), extattr: values.text('com.apple.quarantine') };
      case 'setattrlist':
      case 'getattrlist':
      case 'searchfs':
        return { ...target(), attrlist: { bitmapcount: 5, commonattr: values.number(), volattr: 0 } };
      case 'utimes':
        return { ...target(), atime: values.time(), mtime: values.time() };
      case 'truncate':
      case 'readdir':
      case 'listextattr':
      case 'stat':
      case 'write':
      case 'dup':
      case 'chdir':
      case 'chroot':
      case 'fsgetpath':
        return target();
      case 'access':
        return { ...target(), mode: values.number() };
      case 'fcntl':
        return { ...target(), cmd: values.number() };
      case 'setacl':
        return { ...target(), set_or_clear: 0, acl: { set: values.text('acl') } };
      case 'lookup':
        return { source_dir: this.file('folder'), relative_target: values.text('below') };
      case 'readlink':
        return { source: this.file('link') };
      case 'mmap':
        return {
          source: this.file('library.dylib'),
          protection: 5,
          max_protection: 7,
          flags: values.number(),
          file_pos: values.big(),
        };
      case 'mprotect':
        return { protection: 3, address: 18446744073709551615n - BigInt(values.number()), size: values.number() };
      case 'mount':
      case 'remount':
      case 'unmount':
        return {
          statfs: {
            f_mntonname: values.path('volume'),
            f_mntfromname: values.text('/dev/disk'),
            f_fstypename: values.text('apfs'),
            f_fsid: [values.number(), 26],
            f_blocks: values.big(),
          },
        };
      case 'signal':
        return { sig: 15, target: this.process() };
      case 'uipc_bind':
        return { dir: this.file('folder'), filename: values.text('socket'), mode: 511 };
      case 'uipc_connect':
        return { file: this.file('socket'), domain: 1, type: 1, protocol: 0 };
      case 'file_provider_materialize':
        return { instigator: this.process(), source: this.file(), target: this.file() };
      case 'file_provider_update':
        return { source: this.file(), target_path: values.path('target') };
      case 'kextload':
      case 'kextunload':
        return { identifier: values.text('com.apple.kext') };
      case 'iokit_open':
        return { user_client_type: values.number(), user_client_class: values.text('AppleClient') };
      case 'get_task':
      case 'get_task_name':
      case 'get_task_read':
      case 'get_task_inspect':
        return { target: this.process(), type: 1 };
      case 'proc_check':
      case 'proc_suspend_resume':
        return { target: version % 2 === 0 ? null : this.process(), type: values.number(), flavor: values.number() };
      case 'trace':
        return { target: this.process() };
      case 'remote_thread_create':
        return { target: this.process(), thread_state: { flavor: values.number(), state: '' } };
      case 'cs_invalidated':
        return {};
      case 'settime':
        return {};
      case 'pty_grant':
      case 'pty_close':
        return { dev: values.number() };
      case 'setuid':
      case 'seteuid':
        return { uid: values.number() };
      case 'setgid':
      case 'setegid':
        return { gid: values.number() };
      case 'setreuid':
        return { ruid: values.number(), euid: -1 };
      case 'setregid':
        return { rgid: values.number(), egid: -1 };
      case 'authentication':
        return {
          success: true,
          type: 0,
          data: { od: { instigator: this.process(), record_type: values.text('Users'), instigator_token: this.token() } },
        };
      case 'xp_malware_detected':
        return {
          signature_version: values.text('2179'),
          malware_identifier: values.text('Eicar'),
          incident_identifier: values.text('incident'),
          detected_path: values.path('eicar'),
        };
      case 'xp_malware_remediated':
        return { action_type: values.text('path_delete'), success: false, remediated_path: values.path('eicar') };
      case 'btm_launch_item_add':
        return {
          instigator: version % 2 === 0 ? null : this.process(),
          app: this.process(),
          item: {
            item_type: 3,
            legacy: false,
            managed: false,
            uid: values.number(),
            item_url: `file://${values.path('agent.plist')}`,
            app_url: '',
          },
          executable_path: values.path('agent'),
        };
      case 'tcc_modify':
        return {
          service: values.text('kTCCServiceCamera'),
          identity: values.text('com.example.app'),
          right: 2,
          instigator_token: this.token(),
          responsible: this.process(),
        };
      default:
        // The rest are alike in kind: identities, numbers, flags, perhaps whose doing it was.
        return {
          instigator: this.process(),
          instigator_token: this.token(),
          success: values.number() % 2 === 0,
          username: values.text('user'),
          uid: { uid: values.number() },
          empty: '',
          nothing: null,
          none: [],
          ratio: 0.5,
          list: [{ name: values.text('member') }, values.big()],
        };
    }
  }
}

/** As eslogger prints: slashes escaped, 64-bit integers as digits. */
export function printLine(value: Json): string {
  if (typeof value === 'bigint') return String(value);
  if (typeof value === 'string') return JSON.stringify(value).replaceAll('/', '\\/');
  if (Array.isArray(value)) return `[${value.map(printLine).join(',')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  return `{${Object.entries(value)
    .map(([key, member]) => `${JSON.stringify(key)}:${printLine(member)}`)
    .join(',')}}`;
}
