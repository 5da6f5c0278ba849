// Makes the recordings that `picket demo` plays where it may not guard anything: demo/*.ndjson, events in ECS names as
// a person can read and change them, become demo/*.picket. A line `{ repeat, every_ms, event }` stands for many
// events; `###` in it becomes their number.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { EcsEvent } from '../src/events/ecs-event.ts';
import { encodeEvent } from '../src/events/encode-event.ts';
import { recordedEvent } from '../src/sources/recording.ts';

interface Repetition {
  readonly repeat: number;
  readonly every_ms: number;
  readonly event: EcsEvent;
}

const folder = join(import.meta.dirname, '../demo');

for (const name of ['linux', 'macos']) {
  const lines = readFileSync(join(folder, `${name}.ndjson`), 'utf8')
    .trimEnd()
    .split('\n');
  const events = lines.flatMap((line) => expand(JSON.parse(line) as EcsEvent | Repetition));
  const frames = events.map((event, index) => recordedEvent(encodeEvent(numbered(event, index + 1))));
  writeFileSync(join(folder, `${name}.picket`), Buffer.concat(frames));
  process.stderr.write(`demo/${name}.picket: ${events.length} events\n`);
}

function expand(entry: EcsEvent | Repetition): EcsEvent[] {
  if (!('repeat' in entry)) return [entry];
  const text = JSON.stringify(entry.event);
  const start = Date.parse(entry.event.event?.created ?? '');
  return Array.from({ length: entry.repeat }, (_, index) => {
    const event = JSON.parse(text.replaceAll('###', String(index).padStart(3, '0'))) as EcsEvent;
    return {
      ...event,
      event: { ...event.event, created: new Date(start + index * entry.every_ms).toISOString() },
    };
  });
}

function numbered(event: EcsEvent, sequence: number): EcsEvent {
  return { ...event, event: { ...event.event, sequence } };
}
