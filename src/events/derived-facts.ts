// Facts that no event carries because others contain them. Both makers of Facts, and decoding, derive them here.
import { categoryOfAction } from './es-event-types.ts';
import { EVENT_KIND } from './triggers.ts';

export function baseName(path: string): string | undefined {
  const name = path.slice(path.lastIndexOf('/') + 1);
  return name === '' ? undefined : name;
}

/** The folder of a path: `/` for `/x`, missing for a bare name. */
export function directoryName(path: string): string | undefined {
  const slash = path.lastIndexOf('/');
  if (slash < 0) return undefined;
  return slash === 0 ? '/' : path.slice(0, slash);
}

/** Without the dot, as ECS has it: `gz` of `a.tar.gz`; missing for `.profile` and for `name.`. */
export function extensionOf(path: string): string | undefined {
  const slash = path.lastIndexOf('/');
  const dot = path.lastIndexOf('.');
  return dot <= slash + 1 || dot === path.length - 1 ? undefined : path.slice(dot + 1);
}

export function processName(executable: string | undefined, comm: string | undefined): string | undefined {
  return (executable === undefined ? undefined : baseName(executable)) ?? comm;
}

export function commandLine(args: readonly string[] | undefined): string | undefined {
  return args === undefined || args.length === 0 ? undefined : args.join(' ');
}

const TYPE_BITS = 0o170000;
const TYPES = new Map([
  [0o010000, 'fifo'],
  [0o020000, 'character_device'],
  [0o040000, 'directory'],
  [0o060000, 'block_device'],
  [0o100000, 'file'],
  [0o120000, 'symlink'],
  [0o140000, 'socket'],
]);
const BITS = new Map([...TYPES].map(([bits, name]) => [name, bits]));

/** Octal text of the permission bits; of all bits where the type is none that `fileType` names. */
export function modeText(mode: number): string {
  const isNamed = (mode & TYPE_BITS) === 0 || TYPES.has(mode & TYPE_BITS);
  const shown = isNamed ? mode & ~TYPE_BITS : mode;
  return shown.toString(8).padStart(isNamed ? 4 : 7, '0');
}

export function fileType(mode: number): string | undefined {
  return TYPES.get(mode & TYPE_BITS);
}

/** The st_mode of what `modeText` and `fileType` wrote; 0 for what is no octal number. */
export function modeOf(text: unknown, type: unknown): number {
  const bits = typeof text === 'string' && /^[0-7]{1,11}$/.test(text) ? Number.parseInt(text, 8) : 0;
  return ((typeof type === 'string' ? (BITS.get(type) ?? 0) : 0) | bits) >>> 0;
}

/** event.category, as ECS allows it: a list of one. */
export function categoryOf(kind: number, action: string): readonly string[] | undefined {
  if (kind === EVENT_KIND.dnsQuery || kind === EVENT_KIND.dnsAnswer || kind === EVENT_KIND.flow)
    return NETWORK;
  if (kind === EVENT_KIND.picket) return HOST;
  return kind === EVENT_KIND.log ? undefined : categoryOfAction(action);
}

const NETWORK: readonly string[] = ['network'];
const HOST: readonly string[] = ['host'];
