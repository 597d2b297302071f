/** Names of blobs that say what is in them: `<anything>-<sha-256>.gz`. Such a blob never changes, and is no directory's name. */

/** The hash in a blob's name; undefined where it ends in none. */
export function hashInName(name: string): string | undefined {
  return /-([0-9a-f]{64})\.gz$/.exec(name)?.[1];
}
