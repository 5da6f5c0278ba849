// Plain data: texts, numbers, lists, maps. What a rule holds of it is copied when the rule is compiled, so that a change
// made to the rule's own objects afterwards is noticed.

/** Values that are compared by what they are; a copy of any other may behave differently. */
export function isScalar(value: unknown): boolean {
  return value === null || (typeof value !== 'object' && typeof value !== 'function');
}

const isMap = (value: unknown): value is Record<string, unknown> => {
  if (typeof value !== 'object' || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
};

const MAX_DEPTH = 32;

/** Whether a copy made by `copyOf` is as good as the value itself: no functions, no instances, no circles. */
export function isPlainData(value: unknown, depth = 0): boolean {
  if (isScalar(value)) return true;
  if (depth > MAX_DEPTH) return false;
  if (Array.isArray(value)) return value.every((entry) => isPlainData(entry, depth + 1));
  return isMap(value) && Object.keys(value).every((key) => isPlainData(value[key], depth + 1));
}

export function copyOf<T>(value: T): T {
  if (Array.isArray(value)) return value.map(copyOf) as T;
  if (!isMap(value)) return value;
  const copy = Object.create(Object.getPrototypeOf(value) as object | null) as Record<string, unknown>;
  for (const key of Object.keys(value)) copy[key] = copyOf(value[key]);
  return copy as T;
}

/** Whether plain data is still what it was when it was copied. */
export function isUnchanged(value: unknown, copy: unknown): boolean {
  if (Object.is(value, copy)) return true;
  if (Array.isArray(copy)) {
    if (!Array.isArray(value) || value.length !== copy.length) return false;
    for (let i = 0; i < copy.length; i++) if (!isUnchanged(value[i], copy[i])) return false;
    return true;
  }
  if (!isMap(copy) || !isMap(value)) return false;
  let left = 0;
  for (const key in copy) {
    if (!Object.hasOwn(value, key) || !isUnchanged(value[key], copy[key])) return false;
    left++;
  }
  for (const _ in value) left--;
  return left === 0;
}
