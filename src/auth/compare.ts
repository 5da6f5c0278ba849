// Behind the answers: what the shadow rules would have said. Nobody waits for it but the next read.
import { identity, type MonoTypeOperatorFunction, tap } from 'rxjs';
import type { Answers } from './judge.ts';
import type { ShadowJudge } from './shadow-judge.ts';

export function compare(judge: ShadowJudge | undefined): MonoTypeOperatorFunction<Answers> {
  return judge === undefined ? identity : tap((answers) => judge.compare(answers));
}
