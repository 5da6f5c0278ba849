// Names of rules by a pattern: `*` is any text, `?` one character.

export function isNamePattern(text: string): boolean {
  return /[*?]/.test(text);
}

export function nameMatcher(pattern: string): (name: string) => boolean {
  if (!isNamePattern(pattern)) return (name) => name === pattern;
  const source = pattern
    .replace(/[\\^$.+()[\]{}|]/g, '\\$&')
    .replaceAll('*', '.*')
    .replaceAll('?', '.');
  const expression = new RegExp(`^${source}$`, 's');
  return (name) => expression.test(name);
}
