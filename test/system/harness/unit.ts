// What a packaged systemd unit says, as far as a test can hold a process to it.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

export const packaging = join(import.meta.dirname, '../../../packaging');

/** Of `[Service]`: the values of each key, in the order of their lines. */
export function serviceOf(name: string): ReadonlyMap<string, readonly string[]> {
  const text = readFileSync(join(packaging, 'systemd', `${name}.service`), 'utf8').replaceAll('\\\n', ' ');
  const service = text.slice(text.indexOf('[Service]'), text.indexOf('[Install]'));
  const values = new Map<string, string[]>();
  for (const [, key = '', value = ''] of service.matchAll(/^(\w+)=(.*)$/gm))
    values.set(key, [...(values.get(key) ?? []), value]);
  return values;
}

export const wordsOf = (service: ReadonlyMap<string, readonly string[]>, key: string): readonly string[] =>
  (service.get(key) ?? []).flatMap((value) => value.split(/\s+/)).filter((word) => word !== '');
