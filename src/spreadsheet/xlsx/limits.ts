/** What a workbook may take, checked before and while it is read: a small file can unpack to any size. */

export interface WorkbookLimits {
  /** Of all parts together, unpacked. Default 2 GiB, about 50 million cells. */
  unpackedBytes: number;
  /** How many times larger than packed a part of more than 16 MiB may be. Default 250; sheets of equal cells reach about 100. */
  ratio: number;
  /** Default 10,000. */
  parts: number;
  /** Memory of the thread that reads it, in MiB: its shared strings are held there. Default 512. */
  memoryMiB: number;
}

export const DEFAULT_LIMITS: Readonly<WorkbookLimits> = { unpackedBytes: 2 * 1024 ** 3, ratio: 250, parts: 10_000, memoryMiB: 512 };

/** Smaller parts are harmless, however well they are packed. */
export const MIN_RATIO_BYTES = 16 * 1024 * 1024;
