// An event as a plain object in ECS names: what tests write, replay parses and NDJSON prints.
import type { AuditRecord } from './audit-record.ts';
import type { FactValue } from './facts.ts';
import type { Platform, Trigger } from './triggers.ts';

type JsonObject = { readonly [key: string]: FactValue };

interface EcsUser {
  readonly id?: string;
  readonly name?: string;
}

export interface EcsCodeSignature {
  readonly exists?: boolean;
  readonly signing_id?: string;
  readonly team_id?: string;
  readonly platform_binary?: boolean;
  readonly flags?: number;
  readonly cdhash?: string;
}

interface EcsHash {
  readonly sha256?: string;
  readonly unstable?: boolean;
  readonly state?: string;
}

export interface EcsProcess {
  readonly executable?: string;
  readonly name?: string;
  readonly pid?: number;
  readonly entity_id?: string;
  readonly args?: readonly string[];
  readonly command_line?: string;
  readonly working_directory?: string;
  readonly start?: string;
  readonly user?: EcsUser;
  readonly real_user?: EcsUser;
  readonly group?: { readonly id?: string };
  readonly parent?: EcsProcess;
  readonly previous?: EcsProcess;
  readonly code_signature?: EcsCodeSignature;
  readonly hash?: EcsHash;
  readonly exit_code?: number;
  readonly executable_unresolved?: boolean;
  readonly env_vars?: readonly string[];
  readonly tty?: { readonly name?: string };
  readonly thread?: { readonly id?: number };
  readonly session_leader?: { readonly pid?: number };
  readonly group_leader?: { readonly pid?: number };
  readonly linux?: { readonly cgroup?: string };
}

interface EcsContainer {
  readonly lookup?: string;
  readonly id?: string;
  readonly runtime?: string;
}

export interface EcsFile {
  readonly path?: string;
  readonly name?: string;
  readonly extension?: string;
  readonly directory?: string;
  readonly path_unresolved?: boolean;
  readonly container_path?: string;
  readonly target_path?: string;
  readonly inode?: string;
  readonly device?: string;
  readonly size?: number | bigint;
  readonly mode?: string;
  readonly type?: string;
  readonly uid?: string;
  readonly gid?: string;
  readonly owner?: string;
  readonly links?: number;
  readonly mtime?: string;
  readonly ctime?: string;
  readonly hash?: EcsHash;
  readonly code_signature?: EcsCodeSignature;
}

interface EcsDnsAnswer {
  readonly name?: string;
  readonly type?: string;
  readonly class?: string;
  readonly ttl?: number;
  readonly data?: string;
}

interface EcsEndpoint {
  readonly ip?: string;
  readonly port?: number;
  readonly domain?: string;
}

/** What Picket adds. */
export interface EcsPicket {
  readonly trigger?: Trigger;
  readonly decision?: string;
  readonly rules?: readonly string[];
  readonly tags?: readonly string[];
  readonly alerts?: readonly {
    readonly rule?: string;
    readonly severity?: string;
    readonly message?: string;
  }[];
  readonly shadow?: readonly { readonly rule?: string; readonly verdict?: string }[];
  readonly suppressed?: number | bigint;
  readonly auth?: {
    readonly verdict?: string;
    readonly level?: string;
    readonly rule?: string;
    readonly epoch?: number | bigint;
    readonly budget_us?: number;
    readonly answered_us?: number;
    readonly request_id?: string;
    readonly annotated?: boolean;
    readonly bridge_us?: number;
    readonly queue_us?: number;
    readonly lane_us?: number;
    readonly budget_percent?: number;
  };
  readonly unwatched?: { readonly from?: string; readonly to?: string; readonly who?: string };
  readonly takeover?: {
    readonly generation?: number | bigint;
    readonly uid?: number;
    readonly pid?: number;
    readonly agent?: string;
  };
  readonly enforcement?: {
    readonly state?: string;
    readonly reason?: string;
    readonly uid?: number;
    readonly pid?: number;
  };
  readonly overload?: {
    readonly uid?: number;
    readonly denied?: number | bigint;
    readonly allowed?: number | bigint;
    readonly from?: string;
    readonly to?: string;
  };
  readonly mount?: {
    readonly path?: string;
    readonly type?: string;
    readonly device?: number | bigint;
    readonly guarded?: boolean;
    readonly reason?: string;
    readonly pid?: number;
  };
  readonly rule_set?: {
    readonly epoch?: number | bigint;
    readonly state?: string;
    readonly reason?: string;
    readonly rules?: readonly string[];
    readonly programs?: readonly string[];
  };
  readonly shadow_difference?: {
    readonly enforced_verdict?: string;
    readonly enforced_rule?: string;
    readonly shadow_verdict?: string;
    readonly shadow_rule?: string;
    readonly times?: number | bigint;
    readonly trigger?: string;
  };
}

/** Only the platform is in an encoded event; the rest is told once a batch, and stands here in rule tests. */
interface EcsHost {
  readonly name?: string;
  readonly architecture?: string;
  readonly boot?: { readonly id?: string };
  readonly os?: { readonly type?: Platform; readonly version?: string; readonly kernel?: string };
}

export interface EcsEvent {
  readonly event?: {
    readonly sequence?: number | bigint;
    readonly created?: string;
    readonly kind?: string;
    readonly category?: readonly string[];
    readonly action?: string;
    readonly code?: string;
    readonly provider?: string;
    readonly outcome?: string;
  };
  readonly host?: EcsHost;
  readonly container?: EcsContainer;
  readonly process?: EcsProcess;
  readonly file?: EcsFile;
  readonly exec?: { readonly stage?: string; readonly script?: string };
  readonly message?: string;
  /** Of `message`, where it is a record of Linux' audit log. */
  readonly auditd?: { readonly log?: AuditRecord };
  readonly log?: { readonly level?: string; readonly logger?: string };
  readonly dns?: {
    readonly type?: string;
    readonly question?: { readonly name?: string; readonly type?: string; readonly class?: string };
    readonly answers?: readonly EcsDnsAnswer[];
    readonly response_code?: string;
  };
  readonly source?: EcsEndpoint;
  readonly destination?: EcsEndpoint;
  readonly network?: { readonly transport?: string; readonly direction?: string };
  readonly es?: JsonObject;
  readonly picket?: EcsPicket;
}
