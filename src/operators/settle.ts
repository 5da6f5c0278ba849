// The end of an event's way: its source hears that nobody needs it any more.
import { type MonoTypeOperatorFunction, tap } from 'rxjs';
import { type Receipt, settleAll } from './flow.ts';

export function settle(): MonoTypeOperatorFunction<Receipt> {
  return tap(({ events }) => settleAll(events));
}
