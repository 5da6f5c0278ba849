// eslogger's process object as ECS, and what ECS has no name for as the rest.
import type { EcsCodeSignature, EcsFile, EcsProcess } from './ecs-event.ts';
import {
  hasKeys,
  isJson,
  isPositive32,
  isText,
  isTime,
  isUint32,
  type Json,
  keepRest,
  type Mutable,
  splitFile,
} from './eslogger-file.ts';
import type { FactValue } from './facts.ts';

type Process = Mutable<EcsProcess>;

const TOKEN_FIELDS = ['auid', 'euid', 'egid', 'ruid', 'rgid', 'pid', 'asid', 'pidversion'] as const;
const CS_SIGNED = 0x20000000;
const NO_HASH = /^0*$/;
const HASH = /^(?:[0-9a-f]{2})+$/;

/**
 * Moves what ECS names out of a process object into `process`; answers the rest. Where `image` is given, the stat of
 * the executable goes there: in exec it is the file that is acted on.
 */
export function splitProcess(raw: Json, process: Process, image?: Mutable<EcsFile>): Json {
  const rest: Json = {};
  const signature: Mutable<EcsCodeSignature> = {};
  let parentPid: number | undefined;
  for (const key of Object.keys(raw)) {
    const value = raw[key];
    switch (key) {
      case 'executable':
        if (isJson(value)) keepRest(rest, key, splitExecutable(value, process, image), value);
        else rest[key] = value;
        break;
      case 'audit_token':
        rest[key] = value;
        identify(process, value);
        break;
      case 'ppid':
        if (isPositive32(value)) parentPid = value;
        else rest[key] = value;
        break;
      case 'group_id':
        if (isPositive32(value)) process.group_leader = { pid: value };
        else rest[key] = value;
        break;
      case 'session_id':
        if (isPositive32(value)) process.session_leader = { pid: value };
        else rest[key] = value;
        break;
      case 'start_time':
        if (isTime(value)) process.start = value;
        else rest[key] = value;
        break;
      case 'tty':
        if (isJson(value) && isText(value.path)) keepRest(rest, key, splitTty(value, process), value);
        else rest[key] = value;
        break;
      default:
        if (!moveSignature(key, value, signature)) rest[key] = value;
    }
  }
  const parentToken = entityOf(rest.parent_audit_token);
  if (parentPid !== undefined || parentToken !== undefined) {
    const parent: Process = {};
    if (parentPid !== undefined) parent.pid = parentPid;
    if (parentToken !== undefined) parent.entity_id = parentToken;
    process.parent = parent;
  }
  if (hasKeys(signature) || raw.codesigning_flags !== undefined) {
    signature.exists = signature.signing_id !== undefined || ((signature.flags ?? 0) & CS_SIGNED) !== 0;
    process.code_signature = signature;
  }
  return rest;
}

/**
 * From message version 10 audit tokens are lists of eight numbers. Gives them their names back, in place, wherever
 * they stand in a message.
 */
export function nameTokens(value: FactValue): void {
  if (typeof value !== 'object' || value === null) return;
  if (Array.isArray(value)) {
    for (const each of value) nameTokens(each);
    return;
  }
  const object = value as Json;
  for (const key of Object.keys(object)) {
    const member = object[key];
    if (key.endsWith('token') && Array.isArray(member) && member.length === TOKEN_FIELDS.length) {
      const named: Json = {};
      for (let i = 0; i < TOKEN_FIELDS.length; i++) named[TOKEN_FIELDS[i] as string] = member[i];
      object[key] = named;
    } else {
      nameTokens(member);
    }
  }
}

/** A process is its pid and pidversion, never its pid alone. */
function entityOf(token: FactValue): string | undefined {
  if (!isJson(token) || !isUint32(token.pid) || !isUint32(token.pidversion)) return undefined;
  return `${token.pid}:${token.pidversion}`;
}

/** Copies, not moves: most of the token has no name in ECS, and it is worth having whole. */
function identify(process: Process, token: FactValue): void {
  if (!isJson(token)) return;
  const { pid, euid, ruid, egid } = token;
  if (isPositive32(pid)) process.pid = pid;
  const entity = entityOf(token);
  if (entity !== undefined) process.entity_id = entity;
  if (isUint32(euid)) process.user = { id: String(euid) };
  if (isUint32(ruid)) process.real_user = { id: String(ruid) };
  if (isUint32(egid) && isUint32(euid)) process.group = { id: String(egid) };
}

function splitExecutable(raw: Json, process: Process, image: Mutable<EcsFile> | undefined): Json {
  if (image !== undefined) {
    const left = splitFile(raw, image);
    if (image.path !== undefined) process.executable = image.path;
    if (image.path_unresolved) process.executable_unresolved = true;
    return left;
  }
  const left: Json = {};
  for (const key of Object.keys(raw)) {
    const value = raw[key];
    if (key === 'path' && isText(value)) process.executable = value;
    else left[key] = value;
    if (key === 'path_truncated' && value === true) process.executable_unresolved = true;
  }
  return left;
}

function splitTty(raw: Json, process: Process): Json {
  const { path, ...left } = raw;
  process.tty = { name: path as string };
  return left;
}

function moveSignature(key: string, value: FactValue, signature: Mutable<EcsCodeSignature>): boolean {
  switch (key) {
    case 'codesigning_flags':
      if (!isPositive32(value)) return false;
      signature.flags = value;
      return true;
    case 'is_platform_binary':
      if (typeof value !== 'boolean') return false;
      signature.platform_binary = value;
      return true;
    case 'signing_id':
      if (!isText(value)) return false;
      signature.signing_id = value;
      return true;
    case 'team_id':
      if (!isText(value)) return false;
      signature.team_id = value;
      return true;
    case 'cdhash': {
      // Lower-case hex already; all zero means that there is none.
      if (typeof value !== 'string' || NO_HASH.test(value)) return false;
      const hex = value.toLowerCase();
      if (!HASH.test(hex)) return false;
      signature.cdhash = hex;
      return true;
    }
    default:
      return false;
  }
}
