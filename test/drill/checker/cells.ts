/** Cells as the checker compares them. */

/** A cell as one value that tells every two different cells apart: plain numbers, of which there are millions, as they are. */
export type CellKey = number | string;

export function cellKey(value: unknown, format: unknown): CellKey {
  if (typeof value === 'number' && format === undefined) return value;
  return JSON.stringify([typeof value, typeof value === 'object' ? (value as { value: unknown }).value : value, format ?? null]);
}

/** One number for a place: there are 2^30 rows and 2^20 columns. */
export const placeOf = (row: number, column: number): number => row * 2 ** 20 + column;
export const rowOf = (place: number): number => Math.floor(place / 2 ** 20);
export const columnOf = (place: number): number => place % 2 ** 20;
