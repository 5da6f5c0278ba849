// A main thread that has failed must not leave the auth lane's thread behind: Node would wait for ever for a thread that
// blocks in read(2), and an agent that answers but takes no events and no policy looks alive to the bridge.
import { write } from 'node:fs';
import { dieNow } from '../auth/die-now.ts';

/** A reader of stderr that has stopped must not keep the agent from its end. */
const TELL_MS = 500;

/** From here on an error that nobody catches ends the process, whatever its threads do. The bridge sees a crash. */
export function endOnCrash(): void {
  process.once('uncaughtException', (error) => {
    setTimeout(dieNow, TELL_MS);
    const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
    write(process.stderr.fd, `picket run: a defect ended the agent: ${text}\n`, dieNow);
  });
}
