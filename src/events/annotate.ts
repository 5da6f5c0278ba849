// What Picket adds to an event: fields 31 to 36, appended to its bytes, which protobuf defines as a merge.
import { WIRE, WireWriter } from './wire-writer.ts';

export interface Annotations {
  readonly rules?: readonly string[];
  readonly tags?: readonly string[];
  readonly alerts?: readonly { readonly rule: string; readonly severity: string; readonly message: string }[];
  readonly shadow?: readonly {
    readonly rule: string;
    readonly verdict: 'allow' | 'deny' | 'forward' | 'drop';
  }[];
  readonly decision?: 'allow' | 'deny' | 'forward' | 'drop';
  /** Repeats that were held back before this event. */
  readonly suppressed?: number;
}

/** picket.v1.Verdict. */
const VERDICT = { allow: 1, deny: 2, forward: 4, drop: 5 } as const;

const writer = new WireWriter();

export function encodeAnnotations(annotations: Annotations): Uint8Array {
  writer.reset();
  for (const rule of annotations.rules ?? []) text(31, rule);
  for (const tag of annotations.tags ?? []) text(32, tag);
  for (const alert of annotations.alerts ?? []) {
    writer.tag(33, WIRE.bytes);
    const start = writer.begin();
    text(1, alert.rule);
    text(2, alert.severity);
    text(3, alert.message);
    writer.end(start);
  }
  for (const shadow of annotations.shadow ?? []) {
    writer.tag(34, WIRE.bytes);
    const start = writer.begin();
    text(1, shadow.rule);
    writer.tag(2, WIRE.varint);
    writer.varint(VERDICT[shadow.verdict]);
    writer.end(start);
  }
  if (annotations.suppressed) {
    writer.tag(35, WIRE.varint);
    writer.varint(annotations.suppressed);
  }
  if (annotations.decision !== undefined) text(36, annotations.decision);
  return writer.finish();
}

/** The event with annotations appended. */
export function annotate(bytes: Uint8Array, annotations: Uint8Array): Uint8Array {
  const joined = new Uint8Array(bytes.length + annotations.length);
  joined.set(bytes);
  joined.set(annotations, bytes.length);
  return joined;
}

function text(number: number, value: string): void {
  writer.tag(number, WIRE.bytes);
  writer.text(value.toWellFormed()); // proto3 `string`: other languages refuse what is no UTF-8
}
