// What an imported rule is called: its title, and of its id as much as tells it from another of the same title. The
// same at each import, so exceptions and statistics stay with it.

import type { SigmaRule } from './document.ts';

const MAX_TITLE = 80;

export function ruleName({ title, id, hash }: SigmaRule): string {
  const words = title
    .normalize('NFKD')
    .replace(/\p{M}/gu, '')
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .slice(0, MAX_TITLE)
    .replace(/^-+|-+$/g, '');
  const short =
    id === undefined
      ? hash
      : id
          .toLowerCase()
          .replace(/[^a-z0-9]/g, '')
          .slice(0, 8) || hash;
  const name = words === '' ? `sigma-${short}` : `${words}-${short}`;
  // Picket's own alerts begin so.
  return name.startsWith('picket-') ? `sigma-${name}` : name;
}
