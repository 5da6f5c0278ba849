// One line of NDJSON. 64-bit integers are printed as digits, which JSON allows and JSON.stringify alone refuses;
// escaped bytes come out as `\udcff`, so the line is valid UTF-8 whatever the kernel said.
import type { EcsEvent } from './ecs-event.ts';

// In V8 since 11.4, in TypeScript's library not yet.
const { rawJSON } = JSON as unknown as { rawJSON(text: string): unknown };

export function stringifyEvent(event: EcsEvent): string {
  return JSON.stringify(printable(event));
}

/** A copy where there are bigints, else the value itself. A replacer would make JSON.stringify several times slower. */
function printable(value: unknown): unknown {
  if (typeof value === 'bigint') return rawJSON(String(value));
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.some(isNested) ? value.map(printable) : value;
  const object = value as Record<string, unknown>;
  let copy: Record<string, unknown> | undefined;
  for (const key of Object.keys(object)) {
    const member = object[key];
    if (!isNested(member)) continue;
    const shown = printable(member);
    if (shown === member) continue;
    copy ??= { ...object };
    // A plain assignment would make it the copy's prototype.
    if (key === '__proto__') Object.defineProperty(copy, key, { value: shown, enumerable: true });
    else copy[key] = shown;
  }
  return copy ?? value;
}

function isNested(value: unknown): boolean {
  return typeof value === 'bigint' || (typeof value === 'object' && value !== null);
}
