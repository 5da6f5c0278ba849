/**
 * Ends this process at once. `process.exit()` and `worker.terminate()` wait for ever for a thread that blocks in
 * read(2) (measured on Node 24), and the auth lane's worker always does. Its regular end is end of file: the connection
 * is closed, the bridge closes its end of the FIFO. When the bridge is silent, only a signal that can't be caught ends
 * the agent.
 */
export function dieNow(): void {
  process.kill(process.pid, 'SIGKILL');
}
