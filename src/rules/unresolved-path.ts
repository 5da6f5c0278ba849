// A path that could not be resolved is a hint at best: a deny rule on it then holds if it could, and an allow rule
// only if it must, or a deleted or unreachable name would be a way around both.

import { type Slot, slotOf } from '../events/facts.ts';
import type { Trigger } from '../events/triggers.ts';
import { isFactReference, type Leaf } from './conditions.ts';
import { accessOf, headOf } from './fact-access.ts';

const FILE = 'file.path_unresolved';
const IMAGE = 'executable_unresolved';
const PROCESSES = ['process', 'process.parent', 'process.previous'];
const FILE_PATHS = new Set([
  'file',
  'file.path',
  'file.container_path',
  'file.name',
  'file.directory',
  'file.extension',
]);
const IMAGE_PATH = /^(process|process\.parent|process\.previous)(?:\.executable|\.name)?$/;

/** The facts that, when true, put the leaf's truth in doubt. */
export function doubtsOf(leaf: Leaf, trigger: Trigger): readonly Slot[] {
  const names = doubtNames(leaf.fact, leaf.path, trigger);
  if (isFactReference(leaf.value)) names.push(...doubtNames(leaf.value.fact, leaf.value.path, trigger));
  return names.flatMap((name) => slotOf(name) ?? []);
}

function doubtNames(fact: string, path: string | undefined, trigger: Trigger): string[] {
  const access = accessOf(fact, path);
  const name = (access ?? accessOf(fact, headOf(path)))?.slot?.name;
  if (name === undefined) return [];
  if (FILE_PATHS.has(name)) return [FILE];
  const image = IMAGE_PATH.exec(name)?.[1];
  if (image === undefined) return [];
  // A filter or a wildcard on the whole process looks into those below it, too.
  const images = name === 'process' && access === undefined ? PROCESSES : [image];
  const names = images.map((one) => `${one}.${IMAGE}`);
  // An auth.exec asks about the new image: there `process` is the file.
  return image === 'process' && trigger === 'auth.exec' ? [...names, FILE] : names;
}
