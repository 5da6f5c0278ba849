// Every engine under measurement, by the name under which a worker is asked for it; a worker loads its own alone.

import type { SubjectMaker } from './subject.ts';

export const SUBJECTS = {
  picket: async () => (await import('./picket.ts')).picketFromBytes,
  again: async () => (await import('./picket.ts')).picketFromBytes,
  objects: async () => (await import('./picket.ts')).picketFromObjects,
  loop: async () => (await import('./predicate-loop.ts')).predicateLoop,
  'json-logic': async () => (await import('./json-logic.ts')).jsonLogic,
  cel: async () => (await import('./cel.ts')).cel,
  jre: async () => (await import('./json-rules-engine.ts')).jsonRulesEngine,
} satisfies Readonly<Record<string, () => Promise<SubjectMaker>>>;

export type SubjectName = keyof typeof SUBJECTS;

export const TITLES: Readonly<Record<SubjectName, string>> = {
  picket: 'Picket, encoded bytes',
  again: 'Picket again (A/A)',
  objects: 'Picket, objects',
  loop: 'loop over predicates',
  'json-logic': 'json-logic-engine',
  cel: 'cel-js',
  jre: 'json-rules-engine',
};
