// A map as YAML and JSON write it: no list, and not nothing.

export type DocumentMap = Readonly<Record<string, unknown>>;

export function isMap(value: unknown): value is DocumentMap {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
