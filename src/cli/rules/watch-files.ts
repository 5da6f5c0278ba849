// Changes of files, until Ctrl-C: one signal after a run of them, for editors write a file in several steps.
import { watch } from 'chokidar';
import { debounceTime, map, Observable } from 'rxjs';

/** Long enough for a file to be written and renamed, too short to be waited for. */
const SETTLE_MS = 150;

export interface FileWatch {
  readonly changes: Observable<undefined>;
  /** Files that take part since; what stands in a watched folder already is no harm. */
  add(files: readonly string[]): void;
  /** It ended, while a run was under way perhaps. */
  isOver(): boolean;
}

/** Watches from the first subscription to the end of it. Completes at SIGINT or SIGTERM. */
export function watchFiles(paths: readonly string[], onError: (error: unknown) => void): FileWatch {
  const watched = new Set(paths);
  let isOver = false;
  let addNow = (_files: readonly string[]): void => undefined;
  const changes = new Observable<string>((subscriber) => {
    const watcher = watch([...watched], { ignoreInitial: true });
    addNow = (files) => void watcher.add([...files]);
    watcher.on('all', (_event, path) => subscriber.next(path));
    watcher.on('error', onError);
    const end = (): void => {
      isOver = true;
      subscriber.complete();
    };
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, end);
    return () => {
      for (const signal of ['SIGINT', 'SIGTERM'] as const) process.off(signal, end);
      void watcher.close();
    };
  });
  return {
    changes: changes.pipe(
      debounceTime(SETTLE_MS),
      map(() => undefined),
    ),
    add(files) {
      const fresh = files.filter((file) => !watched.has(file));
      for (const file of fresh) watched.add(file);
      if (fresh.length > 0) addNow(fresh);
    },
    isOver: () => isOver,
  };
}
