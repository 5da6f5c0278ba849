// A record of Linux' audit log as its fields: `type=PATH msg=audit(…): item=0 name="/etc/shadow" …`, as auditd writes it,
// or `PATH item=0 …`, as the journal has it.
import { textOfBytes } from './text.ts';

/** What a record says, by the names that auditd gives; `record_type` is its `type=`. */
export type AuditRecord = { readonly [field: string]: string };

/** After the field dictionary of the Linux audit project. Names in capitals are those of the enriched format. */
export const AUDIT_FIELDS: ReadonlySet<string> = new Set(
  `record_type
  a0 a1 a2 a3 a4 a5 a6 a7 a8 a9 a10 a11 a12 a13 a14 a15
  acct addr apparmor arch argc audit_backlog_limit audit_enabled audit_failure auid
  cap_fe cap_fi cap_fp cap_frootid cap_fver capability cgroup cipher class cmd code comm compat cwd
  data denied_mask dest dev device dir direction
  egid entries euid exe exit
  family fd file flags format fp fsgid fsuid
  gid grantors grp hostname id info inode invalid_context ip item items
  kernel key kind ksize laddr list lport mac major minor mode
  name nametype nargs new-disk new-level new-range new-role new-seuser new_group new_pe new_pi new_pp
  oauid obj obj_gid obj_uid ocomm ogid old old-auid old-disk old-level old-range old-role old-seuser old-ses old_pe
  old_pi old_pp old_prom op opid operation oses ouid
  path perm perm_mask permissive pfs pid ppid proctitle profile prog-id prom
  qbytes rdev reason requested_mask res resp result root_dir rport
  saddr sauid scontext seperms seresult ses sgid sig spid src state subj success suid sw syscall
  table tclass tcontext terminal tty uid unit uuid ver vm vm-ctx watch
  ARCH AUID EGID EUID FSGID FSUID GID ID OAUID OGID OUID SADDR SAUID SGID SUID SYSCALL UID`
    .trim()
    .split(/\s+/),
);

/** Texts from outside: in quotes, or in hexadecimal where they hold spaces, quotes, or bytes that are not ASCII. */
const ENCODED = new Set(
  'acct cmd comm cwd data device dir exe file grp key name new-disk new_group ocomm old-disk path proctitle root_dir sw vm watch'.split(
    ' ',
  ),
);

const OF_AUDITD = /^(?:audispd: )?(?:node=\S+ )?type=([A-Z][A-Z0-9_]*)(?:\[\d+\])? msg=audit\([\d.:]+\): ?/;
/** Bounded, for anybody may write a line to the journal. */
const OF_THE_JOURNAL = /^([A-Z][A-Z0-9_]{1,40}) (?=(?:tty |avc: [^=]{0,99} )?([A-Za-z][\w-]{0,40})=)/;

/**
 * `msg='op=… acct="…"'` is one more row of fields; a control character (0x1d) parts those of the enriched format. Of
 * arguments that auditd divides among several fields (`a1[0]=`), those beyond 7,500 bytes, nothing is read.
 */
const FIELD = /(?:^|[ '\p{Cc}])([A-Za-z][\w-]*)=("[^"]*"|[^ "'\p{Cc}]*)/gu;

/** undefined: the line is no record. */
export function parseAuditRecord(line: string): AuditRecord | undefined {
  const ofAuditd = OF_AUDITD.exec(line);
  const head = ofAuditd ?? OF_THE_JOURNAL.exec(line);
  if (head === null) return undefined;
  if (ofAuditd === null && !AUDIT_FIELDS.has(head[2] ?? '')) return undefined;
  const record: { [field: string]: string } = { record_type: head[1] ?? '' };
  for (const [, field = '', raw = ''] of line.slice(head[0].length).matchAll(FIELD)) {
    if (!AUDIT_FIELDS.has(field) || record[field] !== undefined) continue;
    const value = fieldValue(raw, field, record.record_type ?? '');
    if (value !== undefined) record[field] = value;
  }
  return record;
}

/** undefined: the record says that there is none. */
function fieldValue(raw: string, field: string, type: string): string | undefined {
  if (raw.startsWith('"')) return raw.slice(1, -1);
  if (raw === '' || raw === '(null)') return undefined;
  const isEncoded = ENCODED.has(field) || (type === 'EXECVE' && /^a\d+$/.test(field));
  if (!isEncoded || !/^(?:[0-9A-F]{2})+$/.test(raw)) return raw;
  const text = textOfBytes(Buffer.from(raw, 'hex'));
  // The arguments of a program, each ended by a zero byte.
  return field === 'proctitle' ? text.replaceAll('\0', ' ').trimEnd() : text;
}
