// An agent whose verdicts come to nothing should say so: the bridge tells with its statistics whether it enforces.
import type { Logger } from 'pino';
import { defer, type MonoTypeOperatorFunction, tap } from 'rxjs';
import type { BridgeMessage } from './bridge-connection.ts';

interface Incoming {
  readonly message: BridgeMessage;
}

/** Passes everything on; logs each change of the state, and at first one that is not on. */
export function logEnforcement<T extends Incoming>(log: Logger): MonoTypeOperatorFunction<T> {
  return (source) =>
    defer(() => {
      let known = 'on';
      return source.pipe(
        tap(({ message }) => {
          if (message.is !== 'statistics') return;
          // Empty: a bridge that knows no other state.
          const enforcement = message.statistics.enforcement || 'on';
          if (enforcement === known) return;
          known = enforcement;
          if (enforcement === 'on') log.info({ enforcement }, 'the bridge enforces again');
          else log.warn({ enforcement }, `the bridge does not enforce (${enforcement}): nothing is denied`);
        }),
      );
    });
}
