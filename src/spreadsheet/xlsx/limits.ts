/** What a workbook may take, checked before and while it is read. */
import { DEFAULT_UNPACK_LIMITS, type UnpackLimits } from '../unpack-limits.ts';

export interface WorkbookLimits extends UnpackLimits {
  /** Also of worksheets that the workbook lists, and of relations that one of its parts lists. Default 10,000. */
  parts: number;
  /** Memory of the thread that reads it, in MiB: its shared strings are held there. Default 512. */
  memoryMiB: number;
}

export const DEFAULT_LIMITS: Readonly<WorkbookLimits> = { ...DEFAULT_UNPACK_LIMITS, parts: 10_000, memoryMiB: 512 };

/** Of the texts and number formats of one row, which is in memory whole: as much as a record of a CSV file. */
export const MAX_ROW_CHARACTERS = 16 * 1024 * 1024;
