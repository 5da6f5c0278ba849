// Where a fact stands: which field of which message of an encoded event, or how it is derived. The tree of messages
// is expanded once; a process's parent and previous image are facts, their own parents are not.
import { EVENT, type WireField, type WireMessage } from './wire-table.ts';

/** One message of an event that facts are read from. */
export interface WireNode {
  readonly index: number;
  /** Index of the message around it; −1 for the event itself. */
  readonly parent: number;
  /** Its field number there. */
  readonly number: number;
  readonly message: WireMessage;
  readonly name: string;
}

type DerivedFact =
  | 'process.name'
  | 'process.command_line'
  | 'file.name'
  | 'file.extension'
  | 'file.directory'
  | 'file.type'
  | 'event.kind'
  | 'event.category'
  | 'picket.trigger';

export type SlotLocation =
  | { readonly type: 'field'; readonly node: number; readonly field: WireField }
  | { readonly type: 'derived'; readonly node: number; readonly fact: DerivedFact }
  | { readonly type: 'es'; readonly keys: readonly string[] }
  /** Of the audit record that a log line is; without a field all of it. */
  | { readonly type: 'audit'; readonly field: string | undefined }
  /** Of the host that the event came from: told once a batch or connection, not in each event. */
  | { readonly type: 'host' }
  | { readonly type: 'object' };

const nodes: WireNode[] = [];
const locations = new Map<string, SlotLocation>();

const PROCESS_FACTS: readonly DerivedFact[] = ['process.name', 'process.command_line'];
const FILE_FACTS: readonly DerivedFact[] = ['file.name', 'file.extension', 'file.directory', 'file.type'];
const EVENT_FACTS: readonly DerivedFact[] = ['event.kind', 'event.category', 'picket.trigger'];

expand(-1, 0, EVENT, '', 0);
for (const name of ['name', 'architecture', 'os.version', 'os.kernel', 'boot.id']) {
  locations.set(`host.${name}`, { type: 'host' });
  addObjects(`host.${name.slice(0, Math.max(0, name.lastIndexOf('.')))}`.replace(/\.$/, ''));
}
locations.set('es', { type: 'es', keys: [] });
locations.set('auditd.log', { type: 'audit', field: undefined });
addObjects('auditd');

/** Messages that facts are read from; index 0 is the event. */
export const NODES: readonly WireNode[] = nodes;

const OF_A_RECORD = 'auditd.log.';

/** Names of every fact but `es.<anything>` and `auditd.log.<field>`, whole objects included. */
export const LOCATIONS: ReadonlyMap<string, SlotLocation> = locations;

export function locateFact(name: string): SlotLocation | undefined {
  const found = locations.get(name);
  if (found !== undefined) return found;
  if (name.startsWith(OF_A_RECORD)) return { type: 'audit', field: name.slice(OF_A_RECORD.length) };
  if (!name.startsWith('es.')) return undefined;
  const keys = name.split('.').slice(1);
  return keys.includes('') ? undefined : { type: 'es', keys };
}

function expand(parent: number, number: number, message: WireMessage, name: string, processes: number): void {
  const node: WireNode = { index: nodes.length, parent, number, message, name };
  nodes.push(node);
  for (const field of message.fields) {
    const full = name === '' ? field.path.join('.') : `${name}.${field.path.join('.')}`;
    if (field.message !== undefined && !field.repeated) {
      const depth = processes + (field.message.name === 'Process' ? 1 : 0);
      if (depth > 2) continue;
      expand(node.index, field.number, field.message, full, depth);
      addObjects(full);
    } else if (field.message !== undefined) {
      locations.set(full, { type: 'object' });
    } else if (field.kind !== 'kind' && field.kind !== 'value') {
      locations.set(full, { type: 'field', node: node.index, field });
    }
    addObjects(full.slice(0, Math.max(0, full.lastIndexOf('.'))));
  }
  const derived =
    message.name === 'Process'
      ? PROCESS_FACTS
      : message.name === 'File'
        ? FILE_FACTS
        : parent < 0
          ? EVENT_FACTS
          : [];
  for (const fact of derived) {
    const full = parent < 0 ? fact : `${name}.${fact.slice(fact.indexOf('.') + 1)}`;
    locations.set(full, { type: 'derived', node: node.index, fact });
  }
}

/** `process.tty.name` makes `process.tty` and `process` whole objects. */
function addObjects(name: string): void {
  for (let at = name; at !== ''; at = at.slice(0, Math.max(0, at.lastIndexOf('.')))) {
    if (!locations.has(at)) locations.set(at, { type: 'object' });
  }
}
