// THE table of what an event can say: for each field of event.proto its ECS name, its type as a fact, what its zero
// means and what kind of property it is. Codecs, slots, the fact table and the reference page are made from it.

/**
 * text: bytes by PEP 383 · string: UTF-8, which other languages insist on; what is none is replaced · id, id64: an unsigned number that ECS writes as text · time: nanoseconds since 1970 as
 * ISO 8601 · hex: bytes as lower-case hex · mode: st_mode, split into file.mode and file.type · value: picket.v1.Value.
 */
type WireKind =
  | 'text'
  | 'string'
  | 'uint32'
  | 'uint64'
  | 'sint32'
  | 'boolean'
  | 'id'
  | 'id64'
  | 'fixedId'
  | 'time'
  | 'hex'
  | 'mode'
  | 'enum'
  | 'kind'
  | 'value'
  | 'message';

/**
 * What proto3's zero means. nonzero: the fact is missing · explicit: the field has presence of its own · always:
 * zero is a value wherever the message is · { with: n }: zero is a value where field n is present and not zero.
 */
type Presence = 'nonzero' | 'explicit' | 'always' | { readonly with: number };

/** What a fact is a function of; from this the cacheability of verdicts is derived. */
export type Property = 'event' | 'actor' | 'arguments' | 'path' | 'content' | 'metadata' | 'time' | 'network';

export interface WireField {
  readonly number: number;
  /** Within the message's object, in ECS names: `group.id`. */
  readonly path: readonly string[];
  readonly kind: WireKind;
  readonly presence: Presence;
  readonly repeated: boolean;
  readonly message: WireMessage | undefined;
  readonly names: readonly string[];
  readonly property: Property;
  readonly description: string;
}

export interface WireMessage {
  readonly name: string;
  readonly fields: WireField[];
  /** By field number. */
  readonly byNumber: (WireField | undefined)[];
}

type Options = Partial<Pick<WireField, 'presence' | 'repeated' | 'message' | 'names' | 'property'>>;

function field(
  number: number,
  name: string,
  kind: WireKind,
  description: string,
  options: Options = {},
): WireField {
  return {
    number,
    path: name.split('.'),
    kind,
    description,
    presence: options.presence ?? 'nonzero',
    repeated: options.repeated ?? false,
    message: options.message,
    names: options.names ?? [],
    property: options.property ?? 'event',
  };
}

function message(name: string, fields: WireField[]): WireMessage {
  const byNumber: (WireField | undefined)[] = [];
  for (const each of fields) byNumber[each.number] = each;
  return { name, fields, byNumber };
}

/** By number, as on the wire. */
export const VERDICTS = ['', 'allow', 'deny', 'defer', 'forward', 'drop'];
/** By number: who gave the answer to an authorization request. */
export const ANSWER_LEVELS = [
  '',
  'agent',
  'slow_lane',
  'static',
  'default_deadline',
  'default_breaker',
  'default_no_agent',
  'overload',
  'exempt_actor',
  'never_denied',
  'not_enforced',
  'default_failed',
];

const always: Options = { presence: 'always' };
const repeated: Options = { repeated: true };

const user = message('User', [
  field(1, 'id', 'id', 'Numeric user id, as text. "0" is root.', { presence: 'always', property: 'actor' }),
  field(2, 'name', 'text', 'Login name.', { property: 'actor' }),
]);

const codeSignature = message('CodeSignature', [
  field(1, 'exists', 'boolean', 'Whether the code is signed; false where it is known to be unsigned.', {
    ...always,
    property: 'content',
  }),
  field(2, 'signing_id', 'text', 'Signing identifier.', { property: 'content' }),
  field(3, 'team_id', 'text', 'Team identifier.', { property: 'content' }),
  field(4, 'platform_binary', 'boolean', 'Part of the operating system, signed by Apple.', {
    ...always,
    property: 'content',
  }),
  field(5, 'flags', 'uint32', 'Code-signing flags (CS_*).', { property: 'content' }),
  field(6, 'cdhash', 'hex', 'Hash of the code directory, lower-case hex.', { property: 'content' }),
]);

const HASH_STATES = ['', 'pending', 'known', 'too_large', 'unlisted_filesystem', 'unreadable'];

const hash = message('Hash', [
  field(1, 'sha256', 'hex', 'SHA-256 of the content, lower-case hex. Computed only when a rule reads it.', {
    property: 'content',
  }),
  field(2, 'unstable', 'boolean', 'true: the file was open for writing while it was read; else missing.', {
    property: 'content',
  }),
  field(
    3,
    'state',
    'enum',
    'known, or why there is no hash: too_large, unlisted_filesystem, unreadable; pending where no rule needed one.',
    { property: 'content', names: HASH_STATES },
  ),
]);

const container = message('Container', [
  field(
    1,
    'lookup',
    'enum',
    'none, pending (not looked up yet), failed or found: without `found` there is no id.',
    {
      names: ['', 'none', 'pending', 'failed', 'found'],
      property: 'actor',
    },
  ),
  field(2, 'id', 'text', 'Id of the container that the acting process is in; of LXC its name.', {
    property: 'actor',
  }),
  field(
    3,
    'runtime',
    'string',
    'docker, containerd, cri-o, podman or lxc, where the name of the cgroup tells.',
    {
      property: 'actor',
    },
  ),
]);

const process = message('Process', [
  field(1, 'executable', 'text', 'Absolute path of the program.', { property: 'path' }),
  field(2, 'pid', 'uint32', 'Process id.', { property: 'actor' }),
  field(
    3,
    'entity_id',
    'string',
    'Process id and start (macOS: pid:pidversion), unique on a host until its next boot.',
    {
      property: 'actor',
    },
  ),
  field(4, 'args', 'text', 'Arguments, the program first.', { ...repeated, property: 'arguments' }),
  field(5, 'working_directory', 'text', 'Working directory.', { property: 'actor' }),
  field(6, 'start', 'time', 'When the process began.', { property: 'actor' }),
  field(7, 'user', 'message', 'Effective user.', { message: user, property: 'actor' }),
  field(8, 'real_user', 'message', 'Real user.', { message: user, property: 'actor' }),
  field(9, 'group.id', 'id', 'Effective group, as text.', { presence: { with: 7 }, property: 'actor' }),
  field(12, 'code_signature', 'message', 'Code signature of the program.', {
    message: codeSignature,
    property: 'content',
  }),
  field(13, 'hash', 'message', 'Hashes of the program.', { message: hash, property: 'content' }),
  field(14, 'exit_code', 'sint32', 'Exit status.', { presence: 'explicit', property: 'actor' }),
  field(15, 'executable_unresolved', 'boolean', 'true: `executable` is a hint at best; else missing.', {
    property: 'path',
  }),
  field(16, 'env_vars', 'text', 'Environment, KEY=value.', { ...repeated, property: 'arguments' }),
  field(17, 'tty.name', 'text', 'Controlling terminal.', { property: 'actor' }),
  field(18, 'thread.id', 'uint32', 'Thread id.', { property: 'actor' }),
  field(19, 'session_leader.pid', 'uint32', 'Process id of the session leader.', { property: 'actor' }),
  field(20, 'group_leader.pid', 'uint32', 'Process id of the leader of the process group.', {
    property: 'actor',
  }),
  field(
    21,
    'name',
    'text',
    'File name of the program, or the kernel’s short name where the path is unknown.',
    {
      property: 'path',
    },
  ),
  field(22, 'linux.cgroup', 'text', 'Path of its cgroup, by OpenTelemetry’s name.', { property: 'actor' }),
]);
for (const each of [
  field(10, 'parent', 'message', 'The parent process.', { message: process, property: 'actor' }),
  field(11, 'previous', 'message', 'In exec: the image that called exec.', {
    message: process,
    property: 'actor',
  }),
]) {
  process.fields.push(each);
  process.byNumber[each.number] = each;
}

const file = message('File', [
  field(1, 'path', 'text', 'Absolute path of the file that is acted on.', { property: 'path' }),
  field(
    2,
    'path_unresolved',
    'boolean',
    'true: `path` is a hint at best (deleted, unreachable); else missing.',
    {
      property: 'path',
    },
  ),
  field(3, 'target_path', 'text', 'The new name in rename, link, clone, copyfile, exchangedata.', {
    property: 'path',
  }),
  field(4, 'inode', 'id64', 'Inode number, as text.', { property: 'metadata' }),
  field(5, 'device', 'id64', 'Device number, as text.', { property: 'metadata' }),
  field(6, 'size', 'uint64', 'Size in bytes; 0 is a value where the file was looked at (it has a mode).', {
    presence: { with: 7 },
    property: 'metadata',
  }),
  field(7, 'mode', 'mode', 'Permission bits, octal text: "0644".', { property: 'metadata' }),
  field(8, 'uid', 'id', 'Owner’s user id, as text.', { presence: 'explicit', property: 'metadata' }),
  field(9, 'gid', 'id', 'Owner’s group id, as text.', { presence: 'explicit', property: 'metadata' }),
  field(10, 'links', 'uint32', 'Number of hard links.', { property: 'metadata' }),
  field(11, 'mtime', 'time', 'Last change of the content.', { property: 'metadata' }),
  field(12, 'ctime', 'time', 'Last change of the inode.', { property: 'metadata' }),
  field(13, 'hash', 'message', 'Hashes of the content.', { message: hash, property: 'content' }),
  field(14, 'owner', 'text', 'Owner’s login name.', { property: 'metadata' }),
  field(15, 'code_signature', 'message', 'Code signature of the file.', {
    message: codeSignature,
    property: 'content',
  }),
  field(
    16,
    'container_path',
    'text',
    'The path from the root of the acting process, where it has a root or mount namespace of its own; else missing.',
    { property: 'path' },
  ),
]);

const exec = message('Exec', [
  field(1, 'stage', 'enum', 'Which open of an exec this is: program, interpreter or loader.', {
    names: ['', 'program', 'interpreter', 'loader'],
  }),
  field(2, 'script', 'text', 'Path of the script that an interpreter was started for.', { property: 'path' }),
]);

const dnsQuestion = message('Question', [
  field(1, 'name', 'text', 'Name asked for.', { property: 'network' }),
  field(2, 'type', 'string', 'Record type asked for: A, AAAA, TXT, …', { property: 'network' }),
  field(3, 'class', 'string', 'Class, nearly always IN.', { property: 'network' }),
]);
const dnsAnswer = message('Answer', [
  field(1, 'name', 'text', 'Name of the record.', { property: 'network' }),
  field(2, 'type', 'string', 'Record type.', { property: 'network' }),
  field(3, 'class', 'string', 'Class.', { property: 'network' }),
  field(4, 'ttl', 'uint32', 'Seconds that it may be kept.', { ...always, property: 'network' }),
  field(5, 'data', 'text', 'What the record says.', { property: 'network' }),
]);
const dns = message('Dns', [
  field(1, 'type', 'string', 'query or answer.', { property: 'network' }),
  field(2, 'question', 'message', 'The question.', { message: dnsQuestion, property: 'network' }),
  field(3, 'answers', 'message', 'The records of the answer, as objects.', {
    ...repeated,
    message: dnsAnswer,
    property: 'network',
  }),
  field(4, 'response_code', 'string', 'NOERROR, NXDOMAIN, …', { property: 'network' }),
]);

const endpoint = message('Endpoint', [
  field(1, 'ip', 'string', 'Address.', { property: 'network' }),
  field(2, 'port', 'uint32', 'Port.', { property: 'network' }),
  field(3, 'domain', 'text', 'Host name, where it is known.', { property: 'network' }),
]);

const log = message('Log', [
  field(1, 'level', 'string', 'Level of the log line.'),
  field(2, 'logger', 'text', 'What wrote the log line.'),
]);

const network = message('Network', [
  field(1, 'transport', 'string', 'tcp or udp.', { property: 'network' }),
  field(2, 'direction', 'string', 'ingress or egress.', { property: 'network' }),
]);

const unwatched = message('Unwatched', [
  field(1, 'from', 'time', 'Since when nobody watched.'),
  field(2, 'to', 'time', 'Until when.'),
  field(3, 'who', 'string', 'Who was away: bridge or agent.'),
]);

const takeover = message('Takeover', [
  field(1, 'generation', 'uint64', 'Number of the agent that took over.'),
  field(2, 'uid', 'uint32', 'Its user id.', always),
  field(3, 'pid', 'uint32', 'Its process id.'),
  field(4, 'agent', 'string', 'Its name.'),
]);

const enforcement = message('Enforcement', [
  field(1, 'state', 'string', 'on, off or observing.'),
  field(2, 'reason', 'string', 'Why it was switched.'),
  field(3, 'uid', 'uint32', 'Who switched it, where a person did.', always),
  field(4, 'pid', 'uint32', 'The process that did.'),
]);

const overload = message('Overload', [
  field(1, 'uid', 'uint32', 'The user whose requests were too many.', always),
  field(2, 'denied', 'uint64', 'Requests denied at once, because a deny rule could have reached them.'),
  field(3, 'allowed', 'uint64', 'Requests allowed at once.'),
  field(4, 'from', 'time', 'The first of them.'),
  field(5, 'to', 'time', 'The last of them.'),
]);

const mount = message('Mount', [
  field(1, 'path', 'text', 'Mount point, as the process below sees it.'),
  field(2, 'type', 'string', 'Type of the filesystem.'),
  field(3, 'device', 'uint64', 'Its device number.', always),
  field(4, 'guarded', 'boolean', 'true: it is guarded from here on; else missing.'),
  field(5, 'reason', 'string', 'Why it is not guarded.'),
  field(6, 'pid', 'uint32', 'A process of its mount namespace; missing: the one of the bridge.'),
]);

const ruleSet = message('RuleSet', [
  field(1, 'epoch', 'uint64', 'Epoch of its policy.'),
  field(2, 'state', 'string', 'shadowed or set_aside.'),
  field(3, 'reason', 'string', 'Why.'),
  field(4, 'rules', 'string', 'The rules that caused it.', repeated),
  field(5, 'programs', 'text', 'The programs that were denied.', repeated),
]);

const shadowDifference = message('ShadowDifference', [
  field(1, 'enforced_verdict', 'string', 'What the enforced rules answer: allow or deny.'),
  field(2, 'enforced_rule', 'string', 'The enforced rule that decides; missing: none does.'),
  field(3, 'shadow_verdict', 'string', 'What the shadow set would answer.'),
  field(4, 'shadow_rule', 'string', 'The rule of the shadow set that decides; missing: none does.'),
  field(5, 'times', 'uint64', 'How often it was so since the agent started.'),
  field(6, 'trigger', 'string', 'Trigger of the request whose process and file the event has.'),
]);

const auth = message('AuthOutcome', [
  field(1, 'verdict', 'enum', 'What the kernel was told.', { names: VERDICTS }),
  field(2, 'level', 'enum', 'Who gave the answer.', { names: ANSWER_LEVELS }),
  field(3, 'rule', 'string', 'The deciding rule.'),
  field(4, 'epoch', 'uint64', 'Epoch of the policy.'),
  field(5, 'budget_us', 'uint32', 'Time there was for the answer.'),
  field(6, 'answered_us', 'uint32', 'From the bridge’s read to its answer.', always),
  field(7, 'request_id', 'fixedId', 'The request, 16 hex digits.'),
  field(8, 'annotated', 'boolean', 'true: the auth lane evaluated the event; else missing.'),
  field(
    9,
    'bridge_us',
    'uint32',
    'Of answered_us: in the bridge, to its own answer or until it asked the agent.',
  ),
  field(
    10,
    'queue_us',
    'uint32',
    'Of answered_us: on the way to the agent and back, and behind others there.',
  ),
  field(11, 'lane_us', 'uint32', 'Of answered_us: in the agent’s evaluation.'),
  field(12, 'budget_percent', 'uint32', 'Share of the budget that the answer took, rounded up.'),
]);
const alert = message('Alert', [
  field(1, 'rule', 'string', 'The rule.'),
  field(2, 'severity', 'string', 'informational, low, medium, high or critical.'),
  field(3, 'message', 'string', 'What the rule says.'),
]);
const shadow = message('Shadow', [
  field(1, 'rule', 'string', 'The rule.'),
  field(2, 'verdict', 'enum', 'What it would have answered.', { names: VERDICTS }),
]);

export const EVENT: WireMessage = message('Event', [
  field(1, 'event.sequence', 'uint64', 'Number of the event within one bridge instance.'),
  field(2, 'event.created', 'time', 'When it happened.', { property: 'time' }),
  field(3, 'picket.trigger', 'kind', 'What a rule is `on:` to see this event.'),
  field(4, 'event.action', 'string', 'Endpoint Security name of what happened: exec, open, rename, …'),
  field(5, 'event.code', 'id', 'es_event_type_t of the event, as text.'),
  field(6, 'host.os.type', 'enum', 'macos or linux.', { names: ['', 'macos', 'linux'] }),
  field(
    7,
    'event.provider',
    'string',
    'What saw it: fanotify, ebpf, proc-connector, endpoint-security, eslogger, …',
  ),
  field(8, 'process', 'message', 'The process that acts; in exec the new image.', { message: process }),
  field(9, 'file', 'message', 'The file that is acted on.', { message: file }),
  field(10, 'exec', 'message', 'What exec alone has.', { message: exec }),
  field(11, 'event.outcome', 'string', 'success, failure or unknown.'),
  field(12, 'es', 'value', 'What ECS has no name for, by the names that eslogger prints.'),
  field(13, 'message', 'text', 'Text of a log line.'),
  field(14, 'log', 'message', 'A log line’s origin.', { message: log }),
  field(15, 'dns', 'message', 'A DNS message.', { message: dns }),
  field(16, 'source', 'message', 'The sending side.', { message: endpoint }),
  field(17, 'destination', 'message', 'The receiving side.', { message: endpoint }),
  field(18, 'network', 'message', 'The connection.', { message: network }),
  field(19, 'picket.unwatched', 'message', 'An interval in which nobody watched.', { message: unwatched }),
  field(20, 'picket.takeover', 'message', 'Another agent speaks for this bridge.', { message: takeover }),
  field(21, 'picket.enforcement', 'message', 'Enforcement was switched.', { message: enforcement }),
  field(22, 'picket.overload', 'message', 'Requests beyond what may be pending.', { message: overload }),
  field(23, 'picket.mount', 'message', 'A filesystem was mounted that no policy names.', { message: mount }),
  field(24, 'picket.rule_set', 'message', 'What became of a rule set.', { message: ruleSet }),
  field(25, 'picket.shadow_difference', 'message', 'The shadow set answers differently.', {
    message: shadowDifference,
  }),
  field(26, 'container', 'message', 'The container that the acting process is in.', { message: container }),
  field(30, 'picket.auth', 'message', 'How an auth event ended.', { message: auth }),
  field(31, 'picket.rules', 'string', 'Every rule that matched, decisive first.', repeated),
  field(32, 'picket.tags', 'string', 'Tags of the rules that matched.', repeated),
  field(33, 'picket.alerts', 'message', 'Alerts.', { ...repeated, message: alert }),
  field(34, 'picket.shadow', 'message', 'What rules in shadow mode would have answered.', {
    ...repeated,
    message: shadow,
  }),
  field(35, 'picket.suppressed', 'uint64', 'Repeats that were held back before this event.'),
  field(36, 'picket.decision', 'string', 'allow, deny, forward or drop.'),
]);
