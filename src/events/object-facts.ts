// Facts over a plain object in ECS names: rule tests, and events that were never encoded. What an object states
// itself wins over what is derived, so that a test may give `command_line` alone.
import { parseAuditRecord } from './audit-record.ts';
import { categoryOf, commandLine, directoryName, extensionOf, processName } from './derived-facts.ts';
import type { EcsEvent } from './ecs-event.ts';
import type { Facts, FactValue, Slot } from './facts.ts';
import { actionOfTrigger, kindOfTrigger, type Trigger, triggerOf } from './triggers.ts';

type Plain = { [key: string]: FactValue };

export function objectFacts(event: EcsEvent): Facts {
  let complete: Plain | undefined;
  return {
    get(slot: Slot): FactValue {
      complete ??= completeEvent(event) as Plain;
      let value: FactValue = complete;
      for (const key of slot.path) {
        if (!isPlain(value) || !Object.hasOwn(value, key)) return undefined;
        value = value[key];
      }
      return value;
    },
  };
}

/** A copy with every derived fact filled in that the event does not state itself. */
export function completeEvent(event: EcsEvent): EcsEvent {
  const complete: Plain = { ...(event as Plain) };
  if (isPlain(complete.process)) complete.process = completeProcess(complete.process);
  if (isPlain(complete.file)) complete.file = completeFile(complete.file);
  if (typeof complete.message === 'string' && complete.auditd === undefined)
    fill(complete, 'auditd', auditd(complete.message));
  completeMeta(complete);
  return complete as EcsEvent;
}

function auditd(message: string): FactValue {
  const log = parseAuditRecord(message);
  return log && { log };
}

function completeMeta(complete: Plain): void {
  const event: Plain = isPlain(complete.event) ? { ...complete.event } : {};
  const picket: Plain = isPlain(complete.picket) ? { ...complete.picket } : {};
  const stated = picket.trigger as Trigger | undefined;
  if (stated === undefined && event.action === undefined) return;
  const kind = stated === undefined ? 0 : kindOfTrigger(stated);
  const action = String(event.action ?? actionOfTrigger(stated as Trigger) ?? '');
  if (action !== '') event.action = action;
  event.kind ??= 'event';
  fill(event, 'category', categoryOf(kind, action));
  picket.trigger ??= triggerOf(kind, action);
  complete.event = event;
  complete.picket = picket;
}

function completeProcess(from: Plain): Plain {
  const process: Plain = { ...from };
  const { executable, args } = process;
  if (typeof executable === 'string') fill(process, 'name', processName(executable, undefined));
  if (Array.isArray(args)) fill(process, 'command_line', commandLine(args as readonly string[]));
  for (const key of ['parent', 'previous']) {
    const other = process[key];
    if (isPlain(other)) process[key] = completeProcess(other);
  }
  completeSignature(process);
  return process;
}

function completeFile(from: Plain): Plain {
  const file: Plain = { ...from };
  const path = file.path;
  if (typeof path === 'string') {
    fill(file, 'name', processName(path, undefined));
    fill(file, 'extension', extensionOf(path));
    fill(file, 'directory', directoryName(path));
  }
  completeSignature(file);
  return file;
}

/** A signature that says nothing of these two says false, as on the wire. */
function completeSignature(of: Plain): void {
  const signature = of.code_signature;
  if (!isPlain(signature)) return;
  of.code_signature = {
    ...signature,
    exists: signature.exists ?? false,
    platform_binary: signature.platform_binary ?? false,
  };
}

function fill(object: Plain, key: string, value: FactValue): void {
  if (object[key] === undefined && value !== undefined) object[key] = value;
}

function isPlain(value: FactValue): value is Plain {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
