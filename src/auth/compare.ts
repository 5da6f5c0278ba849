// Behind the answers: what the shadow rules would have said. Nobody waits for it but the next read.
import { type MonoTypeOperatorFunction, tap } from 'rxjs';
import type { Answers } from './judge.ts';
import type { ShadowJudge } from './shadow-judge.ts';

/** @param judge undefined: there is no shadow set; asked for each batch */
export function compare(judge: () => ShadowJudge | undefined): MonoTypeOperatorFunction<Answers> {
  return tap((answers) => judge()?.compare(answers));
}
