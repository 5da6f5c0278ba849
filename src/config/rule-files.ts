// Watches rule files and folders: one signal after a run of changes, for editors write a file in several steps.
import { watch } from 'chokidar';
import type { Logger } from 'pino';
import { debounceTime, map, Observable } from 'rxjs';
import { isTestFile } from '../rules/test-files.ts';

/** Long enough for a file to be written and renamed, too short to be waited for. */
const SETTLE_MS = 150;

export interface RuleFileWatch {
  readonly changes: Observable<undefined>;
  /** Files that rules refer to; what stands in a watched folder already is no harm. */
  add(files: readonly string[]): void;
}

/** Watches from the first subscription to the end of it. */
export function watchRuleFiles(paths: readonly string[], log: Pick<Logger, 'warn'>): RuleFileWatch {
  const more = new Set<string>();
  let addNow = (files: readonly string[]): void => {
    for (const file of files) more.add(file);
  };
  const changes = new Observable<string>((subscriber) => {
    const watcher = watch([...paths, ...more], { ignoreInitial: true });
    addNow = (files) => {
      const fresh = files.filter((file) => !more.has(file));
      for (const file of fresh) more.add(file);
      if (fresh.length > 0) watcher.add(fresh);
    };
    watcher.on('all', (_event, path) => {
      if (!isTestFile(path)) subscriber.next(path);
    });
    watcher.on('error', (error) =>
      log.warn({ err: error }, 'rule files cannot all be watched; after a change, load them with SIGHUP'),
    );
    return () => void watcher.close();
  });
  return {
    changes: changes.pipe(
      debounceTime(SETTLE_MS),
      map(() => undefined),
    ),
    add: (files) => addNow(files),
  };
}
