// eslogger's file object (path and stat) as ECS, and what ECS has no name for as the rest.
import { fileType, modeText } from './derived-facts.ts';
import type { EcsFile } from './ecs-event.ts';
import type { FactValue } from './facts.ts';
import { nsOfText } from './times.ts';

export type Json = { [key: string]: FactValue };
export type Mutable<T> = { -readonly [K in keyof T]: T[K] };

export function isJson(value: FactValue): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Not empty: on the wire an empty text is a missing one, so it stays where it was. */
export function isText(value: FactValue): value is string {
  return typeof value === 'string' && value !== '';
}

export function isUint32(value: FactValue): value is number {
  return typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= 0xffffffff;
}

export function isPositive32(value: FactValue): value is number {
  return isUint32(value) && value > 0;
}

export function hasKeys(object: object): boolean {
  for (const _key in object) return true;
  return false;
}

/** Puts into `rest` what is left of an object, if anything is; an object that came empty stays. */
export function keepRest(rest: Json, key: string, left: Json, original: Json): void {
  if (hasKeys(left) || !hasKeys(original)) rest[key] = left;
}

/** Moves what ECS names out of a file object into `file`; answers the rest. */
export function splitFile(raw: Json, file: Mutable<EcsFile>): Json {
  const rest: Json = {};
  for (const key of Object.keys(raw)) {
    const value = raw[key];
    if (key === 'path' && isText(value)) {
      file.path = value;
    } else if (key === 'stat' && isJson(value)) {
      keepRest(rest, key, splitStat(value, file), value);
    } else {
      if (key === 'path_truncated' && value === true) file.path_unresolved = true;
      rest[key] = value;
    }
  }
  return rest;
}

function splitStat(stat: Json, file: Mutable<EcsFile>): Json {
  const rest: Json = {};
  for (const key of Object.keys(stat)) {
    const value = stat[key];
    if (!moveStat(key, value, file)) rest[key] = value;
  }
  // Without a mode a size of zero would be a missing one.
  if (file.size === 0 && file.mode === undefined) {
    delete file.size;
    rest.st_size = 0;
  }
  return rest;
}

function moveStat(key: string, value: FactValue, file: Mutable<EcsFile>): boolean {
  switch (key) {
    case 'st_ino':
      if (!isPositive64(value)) return false;
      file.inode = String(value);
      return true;
    case 'st_dev':
      if (!isPositive64(value)) return false;
      file.device = String(value);
      return true;
    case 'st_size':
      if (value !== 0 && !isPositive64(value)) return false;
      file.size = value as number | bigint;
      return true;
    case 'st_mode': {
      if (!isPositive32(value)) return false;
      file.mode = modeText(value);
      const type = fileType(value);
      if (type !== undefined) file.type = type;
      return true;
    }
    case 'st_uid':
      if (!isUint32(value)) return false;
      file.uid = String(value);
      return true;
    case 'st_gid':
      if (!isUint32(value)) return false;
      file.gid = String(value);
      return true;
    case 'st_nlink':
      if (!isPositive32(value)) return false;
      file.links = value;
      return true;
    case 'st_mtimespec':
      if (!isTime(value)) return false;
      file.mtime = value;
      return true;
    case 'st_ctimespec':
      if (!isTime(value)) return false;
      file.ctime = value;
      return true;
    default:
      return false;
  }
}

/** After 1970, and before the wire's nanoseconds end in 2554. */
export function isTime(value: FactValue): value is string {
  if (typeof value !== 'string') return false;
  const ns = nsOfText(value);
  return ns !== undefined && ns > 0n && ns < 1n << 64n;
}

function isPositive64(value: FactValue): value is number | bigint {
  if (typeof value === 'bigint') return value > 0n && value < 1n << 64n;
  return Number.isSafeInteger(value) && (value as number) > 0;
}
