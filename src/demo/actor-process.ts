// The demo's side of the actor: sends a request, waits for the reply, ends the process in any case.
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import type { ActorReply, ActorRequest } from './actor.ts';
import { DemoPartError } from './child.ts';
import type { Undo } from './undo.ts';

/** Longer than any budget: a reply that takes longer means a syscall that nobody answered. */
const REPLY_BOUND_MS = 45_000;

export interface Actor {
  perform<Request extends ActorRequest>(
    request: Request,
    signal: AbortSignal,
  ): Promise<Extract<ActorReply, { readonly act: Request['act'] }>>;
}

export function startActor(undo: Undo): Actor {
  const child = fork(join(import.meta.dirname, 'actor.ts'), { stdio: ['ignore', 'ignore', 'ignore', 'ipc'] });
  const ended = once(child, 'exit');
  undo.add('ending the actor', async () => {
    child.kill('SIGKILL');
    if (child.exitCode === null && child.signalCode === null) await ended;
  });
  return {
    async perform(request, signal) {
      const bound = AbortSignal.any([signal, AbortSignal.timeout(REPLY_BOUND_MS)]);
      const replied = once(child, 'message', { signal: bound });
      child.send(request);
      try {
        const [reply] = await Promise.race([
          replied,
          ended.then(() => {
            throw new DemoPartError('the process that acts in the demo ended unexpectedly');
          }),
        ]);
        return reply;
      } catch (cause) {
        if (signal.aborted || cause instanceof DemoPartError) throw cause;
        throw new DemoPartError(`nobody answered a syscall within ${REPLY_BOUND_MS / 1_000} s`, { cause });
      }
    },
  };
}
