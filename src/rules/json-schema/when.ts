// JSON Schema's own condition, in a word of its own: an object with a method `then` would be taken for a promise.

/** What a value that satisfies the one schema must satisfy besides. */
export function when(condition: object, consequence: object): object {
  // biome-ignore lint/suspicious/noThenProperty: it is JSON Schema's word
  return { if: condition, then: consequence };
}

/** Has the key, and under it what satisfies the schema. */
export function having(key: string, schema: object): object {
  return { ...where(key, schema), required: [key] };
}

/** What stands under the key, if anything does, satisfies the schema. */
export function where(key: string, schema: object): object {
  return { type: 'object', properties: { [key]: schema } };
}
