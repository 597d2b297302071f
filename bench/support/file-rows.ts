/** The rows of a file to import: numbers, dates, booleans, texts and codes with leading zeros, ten columns. */
import { createWriteStream } from 'node:fs';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';

export const FILE_COLUMNS = 10;

export type FileValue = string | number | boolean;

function fileRow(row: number): FileValue[] {
  const seed = (row * 2_654_435_761) % 1_000_000;
  const day = new Date(Date.UTC(2020, 0, 1) + (seed % 2_000) * 86_400_000).toISOString().slice(0, 10);
  return [
    row,
    seed,
    seed / 8,
    `customer ${seed % 5_000}`,
    String(seed % 100_000).padStart(5, '0'),
    day,
    seed % 2 === 0,
    'a short remark on it',
    -seed * 0.37,
    `city ${seed % 300}`,
  ];
}

export function* fileRows(rows: number): Generator<FileValue[]> {
  for (let row = 0; row < rows; row += 1) {
    yield fileRow(row);
  }
}

export async function writeCsvFile(path: string, rows: number): Promise<void> {
  function* lines() {
    for (const values of fileRows(rows)) {
      yield `${values.map((value) => (typeof value === 'boolean' ? String(value).toUpperCase() : value)).join(',')}\n`;
    }
  }
  await pipeline(Readable.from(lines()), createWriteStream(path));
}
