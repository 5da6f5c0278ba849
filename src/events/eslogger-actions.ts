// What the body of an eslogger event says in ECS: the file that is acted on, the new image of an exec, the status of
// an exit. Composed facts (a path of folder and name) are copies; their parts stay in the rest.

import { fileType, modeText } from './derived-facts.ts';
import type { EcsEvent, EcsFile, EcsProcess } from './ecs-event.ts';
import {
  isJson,
  isPositive32,
  isText,
  type Json,
  keepRest,
  type Mutable,
  splitFile,
} from './eslogger-file.ts';
import { splitProcess } from './eslogger-process.ts';
import type { FactValue } from './facts.ts';

export interface Mapping {
  readonly event: Mutable<EcsEvent>;
  readonly meta: Mutable<NonNullable<EcsEvent['event']>>;
  readonly actor: Mutable<EcsProcess>;
  /** Of exec: the new image. */
  readonly image: Mutable<EcsProcess>;
  readonly file: Mutable<EcsFile>;
}

/** Where the body of an action keeps the file that is acted on. */
const FILE_KEY: Readonly<Record<string, string>> = {
  access: 'target',
  chdir: 'target',
  chroot: 'target',
  clone: 'source',
  close: 'target',
  copyfile: 'source',
  deleteextattr: 'target',
  dup: 'target',
  exchangedata: 'file1',
  fcntl: 'target',
  file_provider_materialize: 'source',
  file_provider_update: 'source',
  fsgetpath: 'target',
  getattrlist: 'target',
  getextattr: 'target',
  link: 'source',
  listextattr: 'target',
  mmap: 'source',
  open: 'file',
  readdir: 'target',
  readlink: 'source',
  rename: 'source',
  searchfs: 'target',
  setacl: 'target',
  setattrlist: 'target',
  setextattr: 'target',
  setflags: 'target',
  setmode: 'target',
  setowner: 'target',
  stat: 'target',
  truncate: 'target',
  uipc_connect: 'file',
  unlink: 'target',
  utimes: 'target',
  write: 'target',
};

/** Moves what ECS names out of an event's body; answers the rest. */
export function mapAction(action: string, body: Json, mapping: Mapping): Json {
  const rest: Json = {};
  const fileKey = FILE_KEY[action];
  const isExec = action === 'exec';
  for (const key of Object.keys(body)) {
    const value = body[key];
    if (key === fileKey && isJson(value)) keepRest(rest, key, splitFile(value, mapping.file), value);
    else if (isExec) moveExec(key, value, mapping, rest);
    else rest[key] = value;
  }
  compose(action, body, mapping);
  return rest;
}

function moveExec(key: string, value: FactValue, { event, image, file }: Mapping, rest: Json): void {
  if (key === 'target' && isJson(value)) {
    keepRest(rest, key, splitProcess(value, image, file), value);
  } else if (key === 'args' && isTexts(value)) {
    image.args = value;
  } else if (key === 'env' && isTexts(value)) {
    image.env_vars = value;
  } else if (key === 'cwd' && isJson(value) && isText(value.path)) {
    const { path, ...left } = value;
    image.working_directory = path as string;
    keepRest(rest, key, left, value);
  } else if (key === 'script' && isJson(value) && isText(value.path)) {
    const { path, ...left } = value;
    event.exec = { script: path as string };
    keepRest(rest, key, left, value);
  } else {
    rest[key] = value;
  }
}

/** Facts that are made of several parts, or that other events name differently. */
function compose(action: string, body: Json, mapping: Mapping): void {
  const { file, actor, meta } = mapping;
  switch (action) {
    case 'create':
      composeCreate(body.destination, file);
      return;
    case 'rename':
      target(file, destinationPath(body.destination));
      return;
    case 'link':
      target(file, join(body.target_dir, body.target_filename));
      return;
    case 'clone':
      target(file, join(body.target_dir, body.target_name));
      return;
    case 'copyfile':
      target(file, pathOf(body.target_file) ?? join(body.target_dir, body.target_name));
      return;
    case 'exchangedata':
      target(file, pathOf(body.file2));
      return;
    case 'file_provider_materialize':
      target(file, pathOf(body.target));
      return;
    case 'file_provider_update':
      target(file, textOf(body.target_path));
      return;
    case 'lookup':
      path(file, join(body.source_dir, body.relative_target));
      return;
    case 'uipc_bind':
      path(file, join(body.dir, body.filename));
      return;
    case 'mount':
    case 'remount':
    case 'unmount':
      if (isJson(body.statfs)) path(file, textOf(body.statfs.f_mntonname));
      return;
    case 'xp_malware_detected':
      path(file, textOf(body.detected_path));
      return;
    case 'xp_malware_remediated':
      path(file, textOf(body.remediated_path));
      return;
    case 'exit':
      if (isExited(body.stat)) actor.exit_code = (body.stat as number) >> 8;
      return;
    default:
      if (typeof body.success === 'boolean') meta.outcome = body.success ? 'success' : 'failure';
  }
}

/** An existing file, or a folder and the name of what will be. */
function composeCreate(destination: FactValue, file: Mutable<EcsFile>): void {
  if (!isJson(destination)) return;
  const { existing_file: existing, new_path: made } = destination;
  if (isJson(existing)) splitFile(existing, file);
  if (!isJson(made)) return;
  path(file, join(made.dir, made.filename));
  const { mode } = made;
  if (!isPositive32(mode)) return;
  // What creates a file asks for its permission bits alone; the type would be a guess.
  file.mode = modeText(mode);
  // It is empty yet; encoded, a mode brings a size along.
  file.size ??= 0;
  const type = fileType(mode);
  if (type !== undefined) file.type = type;
}

function destinationPath(destination: FactValue): string | undefined {
  if (!isJson(destination)) return undefined;
  const { existing_file: existing, new_path: made } = destination;
  return pathOf(existing) ?? (isJson(made) ? join(made.dir, made.filename) : undefined);
}

function join(folder: FactValue, name: FactValue): string | undefined {
  if (!isText(name)) return undefined;
  if (name.startsWith('/')) return name;
  const parent = pathOf(folder);
  if (parent === undefined) return undefined;
  return parent.endsWith('/') ? parent + name : `${parent}/${name}`;
}

function path(file: Mutable<EcsFile>, value: string | undefined): void {
  if (value !== undefined) file.path = value;
}

function target(file: Mutable<EcsFile>, value: string | undefined): void {
  if (value !== undefined) file.target_path = value;
}

function pathOf(file: FactValue): string | undefined {
  return isJson(file) ? textOf(file.path) : undefined;
}

function textOf(value: FactValue): string | undefined {
  return isText(value) ? value : undefined;
}

/** A list of texts that the wire can hold: an empty list would be a missing one. */
function isTexts(value: FactValue): value is readonly string[] {
  return Array.isArray(value) && value.length > 0 && value.every((each) => typeof each === 'string');
}

/** A wait status that says exit, not signal. */
function isExited(status: FactValue): boolean {
  return typeof status === 'number' && Number.isInteger(status) && status >= 0 && (status & 0x7f) === 0;
}
