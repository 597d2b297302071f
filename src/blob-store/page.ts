/**
 * One page of a directory's names, in the order of their code units (a store on a database: of their code points).
 *
 * A continuation says which directory it belongs to and the last name given out, so it needs no state in the store:
 * it can be used again, after a restart, and while blobs come and go.
 */
import { NoContinuationError } from '../errors.ts';
import { isBlobName } from './blob-name.ts';

export interface NamePage {
  names: string[];
  continuation?: string;
}

/** @param directory path of the directory below its store's root */
export function pageOfNames(names: Iterable<string>, directory: string, pageSize: number, continuation?: string): NamePage {
  const after = lastGivenOut(directory, continuation);
  const left = (after === undefined ? [...names] : [...names].filter((name) => name > after)).sort();
  return cutPage(left, directory, pageSize);
}

/** The first page of names that are sorted already. More than `pageSize` of them: there is another one. */
export function cutPage(names: string[], directory: string, pageSize: number): NamePage {
  if (names.length <= pageSize) {
    return { names };
  }
  const page = names.slice(0, pageSize);
  return { names: page, continuation: encodeContinuation(directory, page.at(-1) as string) };
}

/** The name that a page goes on after; undefined for the first one. @throws NoContinuationError */
export function lastGivenOut(directory: string, continuation: string | undefined): string | undefined {
  return continuation === undefined ? undefined : decodeContinuation(continuation, directory);
}

function encodeContinuation(directory: string, after: string): string {
  return encodeURIComponent(JSON.stringify([directory, after]));
}

function decodeContinuation(continuation: string, directory: string): string {
  let decoded: unknown;
  try {
    decoded = JSON.parse(decodeURIComponent(continuation));
  } catch {
    throw new NoContinuationError();
  }
  if (!Array.isArray(decoded) || decoded.length !== 2 || decoded[0] !== directory || !isBlobName(decoded[1])) {
    throw new NoContinuationError();
  }
  return decoded[1];
}
