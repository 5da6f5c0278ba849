// Threads of this process start and end one at a time, whichever lane they belong to: Node is known to die of SIGSEGV
// where one thread is torn down while another is set up (nodejs/node#56312), for V8 shares compilers, WebAssembly modules
// and tables between the threads of a process. A thread that serves is in nobody's way; one that has nothing more to do
// waits until it is let go.
import PQueue from 'p-queue';

const order = new PQueue({ concurrency: 1 });

/** Runs `change` when no other thread is starting or ending; it resolves when its thread is ready, or is gone. */
export function inOrder(change: () => Promise<unknown>): void {
  void order.add(change);
}
