// The configuration file: every key with its unit, its default and the reason for it. picket.example.yaml shows the same
// keys with the same words; a test holds the two together.
import { hostname } from 'node:os';
import { z } from 'zod';
import { ES_EVENT_TYPES } from '../events/es-event-types.ts';
import { allTriggers, isKnownTrigger } from '../rules/known-triggers.ts';
import { didYouMean, nearestName } from '../rules/nearest.ts';
import { faultOfAddress } from './server-address.ts';

const MiB = 1024 * 1024;

/** Names that become tokens of a subject, and facts in events. */
const name = z.string().min(1).max(128);
const milliseconds = z.int().min(1).max(3_600_000);
const path = z.string().min(1);
const verdict = z.enum(['allow', 'deny']);

/** The client knows no user in an address (it takes a password's digits for the port), and addresses are logged. */
const serverAddress = z.string().superRefine((address, context) => {
  const message = faultOfAddress(address);
  if (message !== undefined) context.addIssue({ code: 'custom', message });
});

const authActions = new Set(ES_EVENT_TYPES.filter(({ kind }) => kind === 'auth').map(({ name }) => name));

/** By action: a mistyped one would be a setting that nobody follows. */
function byAction<T extends z.ZodType>(value: T) {
  return z.record(z.string(), value).superRefine((settings, context) => {
    for (const action of Object.keys(settings)) {
      if (authActions.has(action)) continue;
      const message = `there is no auth event of this action${hint(action, authActions)}`;
      context.addIssue({ code: 'custom', path: [action], message });
    }
  });
}

function hint(typed: string, known: Iterable<string>): string {
  return didYouMean(nearestName(typed, known), '');
}

const agent = z.strictObject({
  name: name
    .default(() => hostname())
    .describe("This host's name in subjects and events. Default: the host name."),
  group: name
    .default('default')
    .describe('The group of hosts that it belongs to: rules are released by group, consumers filter by it.'),
  state_dir: path
    .optional()
    .transform((folder) => folder ?? process.env.STATE_DIRECTORY?.split(':')[0])
    .describe(
      'A folder that this user may write to, for what is known of rule sets: which passed, which agents died of. Default: what systemd made for StateDirectory=; without one a restart forgets it, and the rules at the start are taken as they are.',
    ),
  drain_ms: milliseconds
    .default(10_000)
    .describe(
      'Milliseconds that a clean end (SIGTERM) may take to deliver what is here. Default 10000: less than the 15 s after which service managers kill.',
    ),
});

const bridge = z.strictObject({
  socket: path
    .default('/run/picket/bridge.sock')
    .describe("Path of the bridge's control socket: what picket-bridge was given as --socket."),
  retry_first_ms: milliseconds
    .default(100)
    .describe(
      'Milliseconds before the first new attempt to connect. Default 100: a restarted bridge is back soon.',
    ),
  retry_max_ms: milliseconds
    .default(5_000)
    .describe(
      'Milliseconds between attempts at most; they double up to here, with jitter. Default 5000: nobody judges events meanwhile.',
    ),
});

const rules = z.strictObject({
  paths: z
    .array(path)
    .min(1)
    .default(['rules'])
    .describe(
      'Rule files and files of exceptions, or folders of them. Relative paths start at the folder of this file.',
    ),
  shadow: z
    .array(path)
    .default([])
    .describe(
      'Files or folders of a whole second rule set that is evaluated beside the first on every authorization request, once it is answered, and never enforced: where it would have answered otherwise is counted and told. Default none: whatever it would deny waits for an answer, too.',
    ),
  platform: z
    .enum(['linux', 'macos'])
    .default(() => (process.platform === 'darwin' ? 'macos' : 'linux'))
    .describe(
      'The platform whose events are judged. Default: this one. Set it to replay recordings of the other platform.',
    ),
  watch: z
    .boolean()
    .default(true)
    .describe(
      'Load the rules again when one of their files changes; SIGHUP does so in any case. Default true.',
    ),
});

const guard = z.strictObject({
  filesystems: z
    .array(path)
    .default([])
    .describe(
      'Mount points of the filesystems that may be guarded; local stands for all local ones, also those that are mounted later. Default none: every open on a guarded filesystem waits for an answer, so it is your choice.',
    ),
  new_mounts: z
    .enum(['report', 'guard', 'ignore'])
    .default('report')
    .describe(
      'What to do when a filesystem is mounted later that is not among them, in a container or by a user: report it in an event and an alert, guard it like them, or ignore it. Default report: anybody may run a program there unasked.',
    ),
  max_wait_ms: byAction(milliseconds)
    .default({ exec: 500, open: 100 })
    .describe(
      'Milliseconds by action that a system call may wait for a verdict. Default exec 500, open 100: people notice more.',
    ),
  defaults: byAction(verdict)
    .default({ exec: 'allow', open: 'allow' })
    .describe(
      'Answer by action when no verdict comes in time: allow or deny. Default allow: a deny at a deadline is an outage.',
    ),
  deadline_miss: z
    .enum(['kill', 'allow', 'deny'])
    .default('kill')
    .describe(
      'macOS 27 and later: what the kernel does with an event that nobody answered at its own deadline, the guard included: end the bridge (kill), allow or deny. Elsewhere no kernel has such a deadline, and the bridge logs that it means nothing. Default kill: as before macOS 27.',
    ),
  never_denied: z
    .array(path)
    .default([])
    .describe(
      'Files that are never denied, by path, besides the loader, the C library and the files of Picket.',
    ),
  probation_ms: z
    .int()
    .min(1_000)
    .max(86_400_000)
    .default(600_000)
    .describe(
      'Milliseconds in which changed rules must show that they deny little and that the agent lives with them. Default 600000 (10 minutes): people have done what they do.',
    ),
  probation_max_programs: z
    .int()
    .min(0)
    .max(10_000)
    .default(5)
    .describe(
      'Different programs a minute that changed rules may deny meanwhile and the rules before did not; beyond, what is new in them only reports. Default 5: an attack is one program, a mistake is all of them.',
    ),
});

const natsKeys = z.strictObject({
  servers: z
    .array(serverAddress)
    .min(1)
    .default(['nats://127.0.0.1:4222'])
    .describe('Addresses of NATS servers; one is chosen, the others stand in for it.'),
  stream: name
    .regex(/^[^\s.*>/\\]+$/, 'no spaces, dots, slashes, * or > in the name of a stream')
    .default('PICKET')
    .describe('The JetStream stream to publish to; picket stream setup creates it.'),
  user: z.string().optional().describe('User name, if the server wants one. No default.'),
  password: z.string().optional().describe('Password of the user. No default.'),
  token: z.string().optional().describe('Token, if the server wants one instead of a user. No default.'),
  credentials_file: path.optional().describe('A .creds file (user JWT and seed). No default.'),
  tls_ca_file: path
    .optional()
    .describe("PEM file of the authority that signed the server's certificate. Default: the system's."),
  tls_cert_file: path.optional().describe('PEM file of a client certificate, with tls_key_file. No default.'),
  tls_key_file: path.optional().describe('PEM file of its key. No default.'),
  compression: z
    .enum(['zstd', 'none'])
    .default('zstd')
    .describe(
      'How events in a message are compressed. Default zstd: a fifth of the bytes for a tenth of a millisecond.',
    ),
  max_in_flight: z
    .int()
    .min(1)
    .max(4096)
    .default(32)
    .describe('Messages published and not yet acknowledged, at most. Default 32: fills a link of 100 ms.'),
  max_in_flight_bytes: z
    .int()
    .min(1024)
    .default(8 * MiB)
    .describe('Their bytes, at most. Default 8388608 (8 MiB): eight of the largest messages.'),
  ack_timeout_ms: milliseconds
    .default(5_000)
    .describe(
      'Milliseconds to wait for an acknowledgement before the message is sent again under the same id. Default 5000.',
    ),
  duplicate_window_ms: z
    .int()
    .min(1_000)
    .default(120_000)
    .describe(
      "Milliseconds for which the stream remembers message ids; must be the stream's own. Default 120000, as picket stream setup makes it.",
    ),
  retry_first_ms: milliseconds
    .default(100)
    .describe('Milliseconds before the first repeat of anything. Default 100.'),
  retry_max_ms: milliseconds
    .default(5_000)
    .describe('Milliseconds between repeats at most; they double up to here, with jitter. Default 5000.'),
});

const CREDENTIALS = ['credentials_file', 'token', 'user'] as const;

/** Keys of which one would silently win, or which do nothing alone. */
const nats = natsKeys.superRefine((keys, context) => {
  const tell = (path: keyof typeof keys, message: string): void =>
    context.addIssue({ code: 'custom', path: [path], message });
  const [first, ...others] = CREDENTIALS.filter((key) => keys[key] !== undefined);
  for (const other of others) tell(other, `there is ${first} already; the server wants one of them`);
  if (keys.user === undefined && keys.password !== undefined) tell('password', 'is without a user');
  const { tls_cert_file, tls_key_file } = keys;
  if (tls_cert_file !== undefined && tls_key_file === undefined)
    tell('tls_cert_file', 'is without its tls_key_file');
  if (tls_key_file !== undefined && tls_cert_file === undefined)
    tell('tls_key_file', 'is without its tls_cert_file');
});

const queue = z.strictObject({
  policy: z
    .enum(['shed', 'block'])
    .default('shed')
    .describe(
      'When the queue is full: shed gives up the lowest class here, counted; block leaves new events with the bridge, which does the same with its own queue. Default shed: the bridge then always gets rid of its events.',
    ),
  max_events: z
    .int()
    .min(1)
    .default(65_536)
    .describe('Events that wait before the sink, at most. Default 65536: some seconds of a busy host.'),
  max_bytes: z
    .int()
    .min(64 * 1024)
    .default(32 * MiB)
    .describe('Their bytes, at most. Default 33554432 (32 MiB).'),
});

const spool = z.strictObject({
  max_events: z
    .int()
    .min(1)
    .default(262_144)
    .describe('Events in batches that wait for NATS, at most. Default 262144.'),
  max_bytes: z
    .int()
    .min(64 * 1024)
    .default(64 * MiB)
    .describe(
      'Their bytes in memory, at most; the oldest batches give way, counted. Default 67108864 (64 MiB): an outage of minutes.',
    ),
  alerts_max_bytes: z
    .int()
    .min(64 * 1024)
    .default(16 * MiB)
    .describe('The same for the lane of alerts, which has a queue of its own. Default 16777216 (16 MiB).'),
});

const batch = z.strictObject({
  max_bytes: z
    .int()
    .min(1024)
    .max(MiB)
    .default(64 * 1024)
    .describe(
      'Bytes of events in one message before compression. Default 65536: larger compresses little better.',
    ),
  max_events: z.int().min(1).default(2_048).describe('Events in one message, at most. Default 2048.'),
  max_age_ms: milliseconds
    .default(250)
    .describe(
      'Milliseconds after which a batch goes out however small. Default 250: what a person calls at once.',
    ),
});

const dedupe = z.strictObject({
  window_ms: milliseconds
    .default(10_000)
    .describe('Milliseconds in which repeats of an event are held back and counted. Default 10000.'),
  max_keys: z
    .int()
    .min(1)
    .max(1_000_000)
    .default(20_000)
    .describe(
      'Keys remembered, at most; beyond, the oldest windows close early. Default 20000: about 10 MiB.',
    ),
  rules: z
    .array(
      z.strictObject({
        on: z
          .array(
            z.string().refine(isKnownTrigger, {
              error: ({ input }) => `there is no such trigger${hint(String(input), allTriggers())}`,
            }),
          )
          .min(1)
          .describe(
            'Triggers of the events, such as notify.open. Auth events and alerts are never held back.',
          ),
        key: z.string().min(1).describe('Facts in braces: events for which they are all equal are repeats.'),
      }),
    )
    .default([])
    .describe('Which events can be repeats of each other. Default none: every event is kept.'),
});

export const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const;

const log = z.strictObject({
  level: z
    .enum(LOG_LEVELS)
    .default('info')
    .describe('The least severe lines that are written to stderr. Default info.'),
});

/** Each section may be left out. */
function section<T extends z.ZodObject>(schema: T, description: string) {
  return schema.prefault({} as z.input<T>).describe(description);
}

export const configSchema = z.strictObject({
  agent: section(agent, 'Who this is.'),
  bridge: section(bridge, 'Where events come from.'),
  rules: section(rules, 'What judges them.'),
  guard: section(guard, 'What may be denied, and how long the kernel waits.'),
  nats: section(nats, 'Where events go.'),
  queue: section(queue, 'The queue before the sink.'),
  spool: section(spool, 'What waits while NATS is away; in memory.'),
  batch: section(batch, 'How events are gathered into messages.'),
  dedupe: section(dedupe, 'Repeats.'),
  log: section(log, 'The log, JSON lines on stderr.'),
});

export type Config = z.output<typeof configSchema>;
export type ConfigInput = z.input<typeof configSchema>;
