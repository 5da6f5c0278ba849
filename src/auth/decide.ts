// The middle of the auth lane, as an operator: requests in, encoded answers out.
import { map, type OperatorFunction } from 'rxjs';
import { type Answers, Judge, type JudgeOptions } from './judge.ts';
import type { LaneBatch } from './lane-frames.ts';

export function decide(options: JudgeOptions): OperatorFunction<LaneBatch, Answers> {
  return (source) => {
    const judge = new Judge(options);
    return source.pipe(map((batch) => judge.judge(batch)));
  };
}
