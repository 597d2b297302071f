import { InvalidBlobNameError } from '../errors.ts';

export const MAX_BLOB_NAME_LENGTH = 100;

/** Control characters, half of a surrogate pair (no file name can hold one), and what file systems and URLs give a meaning. */
const FORBIDDEN = /[\p{Cc}\p{Cs}<>:"/\\|?*]/u;

export function isBlobName(name: unknown): name is string {
  return (
    typeof name === 'string' &&
    name.length > 0 &&
    name.length <= MAX_BLOB_NAME_LENGTH &&
    name !== '.' &&
    name !== '..' &&
    !FORBIDDEN.test(name)
  );
}

/** @throws InvalidBlobNameError */
export function checkBlobName(name: string): void {
  if (!isBlobName(name)) {
    throw new InvalidBlobNameError(String(name));
  }
}
