// Which facts a rule may read, by trigger and platform: the source of the loader's errors, of the JSON Schema and of
// the reference page. What an event carries is in wire-table.ts; here is who offers it.
import { AUDIT_FIELDS } from './audit-record.ts';
import { editDistance } from './edit-distance.ts';
import { ES_EVENT_TYPES } from './es-event-types.ts';
import { type Slot, slotOf } from './facts.ts';
import { isAlwaysSentByLinux, isEsFactSent, isSentByLinux } from './linux-facts.ts';
import { LOCATIONS, NODES } from './slot-locations.ts';
import { FILE_ACTIONS, LINUX_ACTIONS, TARGET_ACTIONS } from './trigger-actions.ts';
import { actionOfTrigger, type Platform, type Trigger } from './triggers.ts';
import { EVENT, type Property, type WireField, type WireMessage } from './wire-table.ts';

type FactType = 'text' | 'number' | 'boolean' | 'time' | 'text[]' | 'object' | 'object[]' | 'any';

export interface FactDefinition {
  readonly name: string;
  readonly type: FactType;
  /** What it is a function of, for this trigger: only `content` survives a rename. */
  readonly property: Property;
  /** Events of the trigger may lack it. */
  readonly mayBeMissing: boolean;
  readonly description: string;
  readonly slot: Slot;
}

/** Every trigger that a rule may name. Actions newer than this code exist, but no rule is checked against them. */
export function triggersOf(platform: Platform): readonly Trigger[] {
  const others: Trigger[] = ['log', 'dns.query', 'dns.answer', 'flow', 'picket'];
  if (platform === 'linux') {
    return [
      ...LINUX_ACTIONS.auth.map((action): Trigger => `auth.${action}`),
      ...LINUX_ACTIONS.notify.map((action): Trigger => `notify.${action}`),
      ...others,
    ];
  }
  return [...ES_EVENT_TYPES.map(({ kind, name }): Trigger => `${kind}.${name}`), ...others];
}

const tables = new Map<string, ReadonlyMap<string, FactDefinition>>();

/**
 * The facts of a trigger, whole objects left out. `es` stands for all of `es.<anything>`, `auditd.log` for the fields
 * of a record.
 */
export function offered(trigger: Trigger, platform: Platform): readonly FactDefinition[] {
  return [...tableOf(trigger, platform).values()].filter(({ type }) => type !== 'object');
}

/** A fact or a whole object (`process`) of a trigger; undefined: none of its events has it. */
export function findFact(name: string, trigger: Trigger, platform: Platform): FactDefinition | undefined {
  const table = tableOf(trigger, platform);
  const found = table.get(name);
  if (found !== undefined) return found;
  const slot = slotOf(name);
  if (slot === undefined) return undefined;
  if (slot.location.type === 'audit') return auditFact(name, slot, table);
  if (slot.location.type !== 'es' || !table.has('es')) return undefined;
  if (platform === 'linux' && !isEsFactSent(name)) return undefined;
  const description = 'By the name that eslogger prints.';
  return { name, type: 'any', property: 'event', mayBeMissing: true, description, slot };
}

function auditFact(
  name: string,
  slot: Slot,
  table: ReadonlyMap<string, FactDefinition>,
): FactDefinition | undefined {
  const record = table.get(RECORD);
  if (record === undefined || !AUDIT_FIELDS.has(name.slice(RECORD.length + 1))) return undefined;
  return { ...record, name, type: 'text', description: 'By the name that auditd gives.', slot };
}

const RECORD = 'auditd.log';

/** The triggers that offer a fact, for errors that say where it exists. */
export function whereOffered(
  name: string,
): readonly { readonly trigger: Trigger; readonly platform: Platform }[] {
  const places: { trigger: Trigger; platform: Platform }[] = [];
  for (const platform of ['linux', 'macos'] as const) {
    for (const trigger of triggersOf(platform)) {
      if (findFact(name, trigger, platform) !== undefined) places.push({ trigger, platform });
    }
  }
  return places;
}

/** The name that was meant, probably; undefined: nothing is near. */
export function nearestFact(name: string, trigger: Trigger, platform: Platform): string | undefined {
  const table = tableOf(trigger, platform);
  if (!name.startsWith(`${RECORD}.`) || !table.has(RECORD)) return nearestOf(name, table.keys());
  const field = nearestOf(name.slice(RECORD.length + 1), AUDIT_FIELDS);
  return field && `${RECORD}.${field}`;
}

function nearestOf(name: string, candidates: Iterable<string>): string | undefined {
  let nearest: string | undefined;
  let least = Math.max(2, Math.floor(name.length / 3)) + 1;
  for (const candidate of candidates) {
    // Letters exchanged or mistaken are likelier than letters left out.
    const isLonger = name.length === candidate.length ? 0 : 0.25;
    const distance = sharesLastStep(name, candidate) ? 1.5 : editDistance(name, candidate, least) + isLonger;
    if (distance < least) {
      least = distance;
      nearest = candidate;
    }
  }
  return nearest;
}

function tableOf(trigger: Trigger, platform: Platform): ReadonlyMap<string, FactDefinition> {
  const key = `${platform} ${trigger}`;
  const found = tables.get(key);
  if (found !== undefined) return found;
  const table = new Map<string, FactDefinition>();
  for (const definition of ALL) {
    if (!isOffered(definition.name, trigger, platform)) continue;
    const property = propertyFor(definition, trigger);
    table.set(definition.name, {
      ...definition,
      property,
      mayBeMissing: mayBeMissing(definition, trigger, platform),
    });
  }
  for (const name of table.keys()) addObjects(table, name);
  if (tables.size < 1024) tables.set(key, table);
  return table;
}

/** In exec `process` is what is started: its path and content are those of the file asked about. */
function propertyFor({ name, property }: FactDefinition, trigger: Trigger): Property {
  if (!name.startsWith('process.')) return property;
  if (/^process\.(parent|previous)\./.test(name)) return property === 'arguments' ? 'arguments' : 'actor';
  const isExec = actionOfTrigger(trigger) === 'exec';
  return isExec || (property !== 'path' && property !== 'content') ? property : 'actor';
}

const ACTOR =
  /^process\.(?:(?:parent|previous)\.)?(?:executable|executable_unresolved|name|pid|entity_id|start|group\.id|tty\.name|session_leader\.pid|group_leader\.pid|(?:user|real_user)\.(?:id|name)|hash\.(?:sha256|unstable|state))$/;
const SIGNATURE = /^process\.(?:(?:parent|previous)\.)?code_signature\./;
const ARGUMENTS = /^process\.(?:args|command_line|working_directory|env_vars)$/;
const OF_PICKET_ITSELF =
  /^picket\.(?:unwatched|takeover|enforcement|overload|mount|rule_set|shadow_difference)\./;
const OF_THE_BRIDGE = /^(?:es$|(?:process|file|exec|event|container)\.)/;

function isOffered(name: string, trigger: Trigger, platform: Platform): boolean {
  if (name === 'host.os.type' || name === 'picket.trigger') return true;
  // The auth lane sees the event and nothing beside it.
  if (name.startsWith('host.')) return !trigger.startsWith('auth.');
  const actionOnLinux = platform === 'linux' ? actionOfTrigger(trigger) : undefined;
  if (actionOnLinux !== undefined && OF_THE_BRIDGE.test(name))
    return isSentByLinux(name, kindName(trigger), actionOnLinux);
  if (name.startsWith('event.')) return true;
  if (OF_PICKET_ITSELF.test(name)) return trigger === 'picket';
  if (trigger === 'picket' || name.startsWith('picket.')) return false;
  const action = actionOfTrigger(trigger);
  if (name === 'es') return platform === 'macos';
  if (name.startsWith('container.') || name === 'file.container_path') return false;
  if (name.startsWith('process.')) return isProcessFactOffered(name, action, platform);
  if (action !== undefined) {
    if (name === 'file.target_path') return TARGET_ACTIONS.has(action) || isUnknown(action);
    if (name.startsWith('file.code_signature.')) return action === 'exec';
    if (name.startsWith('file.')) return FILE_ACTIONS.has(action) || isUnknown(action);
    return name === 'exec.script' && action === 'exec';
  }
  if (name === RECORD) return trigger === 'log' && platform === 'linux';
  if (trigger === 'log') return name === 'message' || name.startsWith('log.');
  if (name.startsWith('dns.')) return trigger !== 'flow';
  return /^(?:source|destination|network)\./.test(name);
}

function isProcessFactOffered(name: string, action: string | undefined, platform: Platform): boolean {
  const isOther = /^process\.(?:parent|previous)\./.test(name);
  if (name.startsWith('process.previous.') && action !== 'exec') return false;
  if (name === 'process.exit_code') return action === 'exit';
  if (SIGNATURE.test(name)) return platform === 'macos';
  if (ACTOR.test(name)) return true;
  return action === 'exec' && !isOther && ARGUMENTS.test(name);
}

function isUnknown(action: string): boolean {
  return !ES_EVENT_TYPES.some(({ name }) => name === action);
}

function mayBeMissing({ name }: FactDefinition, trigger: Trigger, platform: Platform): boolean {
  if (ALWAYS.has(name)) return false;
  if (platform !== 'linux' || actionOfTrigger(trigger) === undefined) return true;
  return !isAlwaysSentByLinux(name, kindName(trigger));
}

const kindName = (trigger: Trigger): string => trigger.slice(0, trigger.indexOf('.'));

const ALWAYS = new Set(['event.action', 'event.created', 'event.kind', 'host.os.type', 'picket.trigger']);

const DERIVED: Readonly<Record<string, readonly [FactType, Property, string]>> = {
  'process.name': [
    'text',
    'path',
    'File name of the program, or the kernel’s short name where the path is unknown.',
  ],
  'process.command_line': ['text', 'arguments', 'Arguments, joined by one space.'],
  'file.name': ['text', 'path', 'Last part of the path.'],
  'file.extension': ['text', 'path', 'What follows the last dot of the name.'],
  'file.directory': ['text', 'path', 'The path without its last part.'],
  'file.type': [
    'text',
    'metadata',
    'file, directory, symlink, fifo, socket, character_device or block_device.',
  ],
  'event.kind': ['text', 'event', 'Always "event".'],
  'event.category': ['text[]', 'event', 'ECS category: process, file, network, authentication, …'],
  'picket.trigger': ['text', 'event', 'What a rule is `on:` to see this event.'],
};

const OPEN: Readonly<Record<string, string>> = {
  es: 'What ECS has no name for, by the names that eslogger prints.',
  'auditd.log':
    'The audit record that the line is, decoded: `record_type`, and its fields by the names that auditd gives.',
};

const HOST: Readonly<Record<string, string>> = {
  'host.name': 'Name of the host, as configured (agent.name).',
  'host.architecture': 'Architecture: x86_64, aarch64, …',
  'host.os.version': 'Version of the operating system.',
  'host.os.kernel': 'Release of the kernel.',
  'host.boot.id': 'Of this boot: the same until the next one.',
};

const ALL: readonly FactDefinition[] = [...LOCATIONS.keys()].flatMap(define);

function define(name: string): FactDefinition[] {
  const slot = slotOf(name);
  if (slot === undefined) return [];
  const mayBeMissing = !ALWAYS.has(name);
  const { location } = slot;
  if (location.type === 'derived') {
    const [type, property, description] = DERIVED[location.fact] ?? ['text', 'event', ''];
    return [{ name, type, property, mayBeMissing, description, slot }];
  }
  if (location.type === 'field') {
    const { field } = location;
    return [
      {
        name,
        type: typeOf(field),
        property: field.property,
        mayBeMissing,
        description: field.description,
        slot,
      },
    ];
  }
  if (location.type === 'host') {
    const description = `${HOST[name] ?? ''} Not in auth events, nor in a replay.`;
    return [{ name, type: 'text', property: 'event', mayBeMissing, description, slot }];
  }
  const field = repeatedMessage(name);
  const description = field?.description ?? OPEN[name];
  if (description === undefined) return [];
  return [
    {
      name,
      type: field === undefined ? 'any' : 'object[]',
      property: field?.property ?? 'event',
      mayBeMissing,
      description,
      slot,
    },
  ];
}

function repeatedMessage(name: string): WireField | undefined {
  for (const node of NODES) {
    for (const field of node.message.fields) {
      if (!field.repeated || field.message === undefined) continue;
      const full = node.name === '' ? field.path.join('.') : `${node.name}.${field.path.join('.')}`;
      if (full === name) return field;
    }
  }
  return undefined;
}

function addObjects(table: Map<string, FactDefinition>, name: string): void {
  for (let dot = name.lastIndexOf('.'); dot > 0; dot = name.lastIndexOf('.', dot - 1)) {
    const object = name.slice(0, dot);
    const slot = slotOf(object);
    if (table.has(object) || slot === undefined) continue;
    const description = describeObject(object, EVENT);
    table.set(object, {
      name: object,
      type: 'object',
      property: 'event',
      mayBeMissing: true,
      description,
      slot,
    });
  }
}

function describeObject(name: string, message: WireMessage): string {
  for (const field of message.fields) {
    const path = field.path.join('.');
    if (path === name) return field.description;
    if (name.startsWith(`${path}.`) && field.message)
      return describeObject(name.slice(path.length + 1), field.message);
  }
  return `All of ${name}.*.`;
}

function typeOf(field: WireField): FactType {
  if (field.repeated) return 'text[]';
  if (field.kind === 'boolean') return 'boolean';
  if (field.kind === 'time') return 'time';
  return field.kind === 'uint32' || field.kind === 'uint64' || field.kind === 'sint32' ? 'number' : 'text';
}

/** `cmdline` and `process.exe` are no near spelling of anything; `executable` is nearly `process.executable`. */
function sharesLastStep(name: string, candidate: string): boolean {
  return candidate.endsWith(`.${name}`);
}
