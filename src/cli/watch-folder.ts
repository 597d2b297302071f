/** Tells of changes of the sources in a folder. */
import { watch } from 'node:fs';

export interface FolderChanges {
  /** Resolves at the next change, for everybody who waits. */
  next(): Promise<void>;
  close(): void;
}

/** An editor writes a file in several steps, and several files at once. */
const SETTLE_MS = 200;
const SOURCE = /\.([cm]?[jt]s|json|sql)$/;

export const neverChanges: FolderChanges = { next: () => new Promise(() => {}), close: () => {} };

/** @param onChange told of each change once, with a path below the folder */
export function watchFolder(folder: string, onChange: (path: string) => void): FolderChanges {
  let timer: NodeJS.Timeout | undefined;
  let waiting: (() => void)[] = [];
  const watcher = watch(folder, { recursive: true }, (_, path) => {
    if (path === null || !SOURCE.test(path) || path.split(/[/\\]/).some((part) => part === 'node_modules' || part.startsWith('.'))) return;
    clearTimeout(timer);
    timer = setTimeout(() => {
      onChange(path);
      for (const tell of waiting.splice(0)) tell();
    }, SETTLE_MS);
  });
  return {
    next: () => new Promise((resolve) => waiting.push(resolve)),
    close() {
      clearTimeout(timer);
      watcher.close();
      waiting = [];
    },
  };
}
