// One value of each fact, as events have it: for the reference page, and for editors.
import type { FactValue } from './facts.ts';

const SHA256 = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855';
const CDHASH = '5b1f2a0c9d3e4f60718293a4b5c6d7e8f9012345';
const TIME = '2026-11-30T12:34:56.789012345Z';

const SIGNATURE = {
  exists: true,
  signing_id: 'com.example.backup',
  team_id: 'A1B2C3D4E5',
  platform_binary: false,
  flags: 570522385,
  cdhash: CDHASH,
};
const ENDPOINT = { ip: '198.51.100.7', port: 443, domain: 'updates.example.org' };

const EXAMPLES: Readonly<Record<string, FactValue>> = {
  event: {
    created: TIME,
    action: 'exec',
    kind: 'event',
    category: ['process'],
    provider: 'fanotify',
    sequence: 1024,
    outcome: 'success',
    code: '42',
  },
  host: {
    name: 'web-1',
    architecture: 'x86_64',
    boot: { id: '0b1c2d3e-4f50-4617-8293-a4b5c6d7e8f9' },
    os: { type: 'linux', version: '24.04', kernel: '6.8.0-49-generic' },
  },
  container: { lookup: 'found', id: SHA256, runtime: 'docker' },
  process: {
    executable: '/usr/bin/curl',
    executable_unresolved: true,
    name: 'curl',
    pid: 4711,
    entity_id: '4711-1700000000000000000',
    start: TIME,
    args: ['curl', '-T', '/srv/report.pdf', 'https://example.org/'],
    command_line: 'curl -T /srv/report.pdf https://example.org/',
    working_directory: '/srv',
    linux: {
      cgroup: `/system.slice/docker-${SHA256}.scope`,
    },
    env_vars: ['LANG=C.UTF-8', 'LD_PRELOAD=/tmp/x.so'],
    exit_code: 1,
    user: { id: '0', name: 'root' },
    real_user: { id: '1000', name: 'alice' },
    group: { id: '0' },
    tty: { name: '/dev/pts/3' },
    session_leader: { pid: 4000 },
    group_leader: { pid: 4710 },
    hash: { sha256: SHA256, unstable: true, state: 'known' },
    code_signature: SIGNATURE,
  },
  file: {
    path: '/etc/ssh/sshd.conf',
    path_unresolved: true,
    container_path: '/config/sshd.conf',
    target_path: '/etc/ssh/sshd.conf.old',
    name: 'sshd.conf',
    extension: 'conf',
    directory: '/etc/ssh',
    type: 'file',
    inode: '1312',
    device: '2049',
    size: 2814,
    mode: '0644',
    uid: '0',
    gid: '0',
    owner: 'root',
    links: 1,
    mtime: TIME,
    ctime: TIME,
    hash: { sha256: SHA256, unstable: true, state: 'known' },
    code_signature: SIGNATURE,
  },
  exec: { stage: 'program', script: '/opt/site/check.sh' },
  message: 'Failed password for root from 198.51.100.7',
  auditd: { log: { record_type: 'PATH', name: '/etc/shadow', nametype: 'NORMAL' } },
  log: { level: 'error', logger: 'com.openssh.sshd' },
  dns: {
    type: 'query',
    question: { name: 'updates.example.org', type: 'A', class: 'IN' },
    answers: [{ name: 'updates.example.org', type: 'A', class: 'IN', ttl: 300, data: '198.51.100.7' }],
    response_code: 'NXDOMAIN',
  },
  source: ENDPOINT,
  destination: ENDPOINT,
  network: { transport: 'tcp', direction: 'egress' },
  es: { event: { btm_launch_item_add: { executable_path: '/Library/PrivilegedHelperTools/x' } } },
  picket: {
    trigger: 'notify.exec',
    unwatched: { from: TIME, to: TIME, who: 'bridge' },
    takeover: { generation: 3, uid: 0, pid: 812, agent: 'web-1' },
    enforcement: { state: 'off', reason: 'an update', uid: 0, pid: 812 },
    overload: { uid: 1000, denied: 2, allowed: 310, from: TIME, to: TIME },
    mount: { path: '/mnt/usb', type: 'exfat', device: 2065, guarded: true, reason: 'not local', pid: 812 },
    rule_set: {
      epoch: 7,
      state: 'shadowed',
      reason: '12 programs were denied within 60 s',
      rules: ['linux-exec-from-tmp'],
      programs: ['/tmp/x'],
    },
    shadow_difference: {
      enforced_verdict: 'allow',
      enforced_rule: 'vault-may-read',
      shadow_verdict: 'deny',
      shadow_rule: 'secrets-for-nobody',
      times: 12,
      trigger: 'auth.open',
    },
  },
};

/** undefined: there is none for a fact of this name. */
export function exampleOf(name: string): FactValue {
  let value: FactValue = EXAMPLES;
  for (const step of name.replace(/^process\.(?:parent|previous)\./, 'process.').split('.')) {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined;
    value = (value as Readonly<Record<string, FactValue>>)[step];
  }
  return value;
}
