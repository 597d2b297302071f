/** What a compressed file may unpack to, checked while it is read: a small one can unpack to any size. Workbooks have more limits: xlsx/limits.ts. */
import { InvalidInputError } from '../errors.ts';

export interface UnpackLimits {
  /** Default 2 GiB. Of a workbook: all its parts together, and the characters of the cells that are read, a text they share counted for each. */
  unpackedBytes: number;
  /** How many times larger than packed it may be, past 16 MiB; of a workbook each part. Default 250; sheets of equal cells reach about 100. */
  ratio: number;
  /** What whoever is refused can do. Default: to raise the limit. */
  advice?: string;
}

export const DEFAULT_UNPACK_LIMITS: Readonly<UnpackLimits> = { unpackedBytes: 2 * 1024 ** 3, ratio: 250 };

/** So much is harmless, however well it is packed. */
export const MIN_RATIO_BYTES = 16 * 1024 * 1024;

/** @param option the limit's name */
export function overLimit(file: string, reason: string, option: string, advice?: string): InvalidInputError {
  return new InvalidInputError(`'${file}' is refused: ${reason}. ${advice ?? `If you trust the file, raise the limit (${option})`}.`);
}
