/**
 * How a blob name stands on disk: as it is, unless a file name cannot hold it.
 *
 * File systems take 255 bytes, and 100 characters can be 300 bytes of UTF-8. Such a name is written as a number with 85
 * digits, the printable ASCII characters that a blob name may have. The result has 200 to 250 characters: it always fits,
 * and being longer than any blob name it is never taken for one.
 */
import { isBlobName, MAX_BLOB_NAME_LENGTH } from './blob-name.ts';

const MAX_FILE_NAME_BYTES = 255;
const DIGITS = Array.from({ length: 94 }, (_, index) => String.fromCharCode(33 + index)).filter((digit) => !'<>:"/\\|?*'.includes(digit));
const BASE = BigInt(DIGITS.length);

/** Never a blob's name, so that nothing in it is listed. */
export const TEMPORARY_DIRECTORY = '.tmp:';

export function toDiskName(name: string): string {
  // A UTF-16 unit is at most 3 bytes of UTF-8.
  if (name.length * 3 <= MAX_FILE_NAME_BYTES || Buffer.byteLength(name) <= MAX_FILE_NAME_BYTES) {
    return name;
  }
  // The leading 1 keeps leading zeros.
  let rest = BigInt(`0x1${Buffer.from(name, 'utf16le').toString('hex')}`);
  let digits = '';
  while (rest > 0n) {
    digits += DIGITS[Number(rest % BASE)];
    rest /= BASE;
  }
  return digits;
}

/** @returns undefined for a file that is no blob */
export function fromDiskName(diskName: string): string | undefined {
  if (diskName.length <= MAX_BLOB_NAME_LENGTH) {
    return isBlobName(diskName) ? diskName : undefined;
  }
  let value = 0n;
  for (let index = diskName.length - 1; index >= 0; index -= 1) {
    const digit = DIGITS.indexOf(diskName.charAt(index));
    if (digit < 0) {
      return undefined;
    }
    value = value * BASE + BigInt(digit);
  }
  const name = Buffer.from(value.toString(16).slice(1), 'hex').toString('utf16le');
  return isBlobName(name) && toDiskName(name) === diskName ? name : undefined;
}
