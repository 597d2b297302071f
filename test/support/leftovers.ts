/**
 * What tests are done with is moved aside, and removed when the run ends: to remove many files while other tests make theirs takes the file
 * system (ext4, which does not give an inode again that was freed just now) longer than the tests do.
 */
import { existsSync, mkdirSync, renameSync, rmSync } from 'node:fs';
import { basename, join } from 'node:path';

const FOLDER = 'TEST_LEFTOVERS';

/** For this process and those it starts. @param folder on the file system of the tests' own. @returns the end: what is in it is removed */
export function keepLeftoversIn(folder: string): () => void {
  mkdirSync(folder);
  process.env[FOLDER] = folder;
  return () => {
    delete process.env[FOLDER];
    removeAtTheEnd(folder);
  };
}

export function removeAtTheEnd(path: string): void {
  const folder = process.env[FOLDER];
  if (folder && existsSync(path)) renameSync(path, join(folder, `${process.pid}-${performance.now()}-${basename(path)}`));
  else rmSync(path, { recursive: true, force: true, maxRetries: 3 });
}
