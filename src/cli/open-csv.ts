import { createReadStream, type Stats } from 'node:fs';
import { stat } from 'node:fs/promises';
import { basename } from 'node:path';
import { SetupError } from '../errors.ts';

export interface CsvSource {
  source: AsyncIterable<Uint8Array>;
  /** Names the import in the sheet. */
  name: string;
  totalBytes?: number;
}

/** A file, or standard input for `-`. @throws SetupError where it cannot be read */
export async function openCsv(file: string): Promise<CsvSource> {
  if (file === '-') {
    return { source: process.stdin, name: 'standard input' };
  }
  const { size } = await checkFile(file);
  return { source: read(file), name: basename(file), totalBytes: size };
}

/** @throws SetupError where there is none, or something else of that name */
export async function checkFile(file: string): Promise<Stats> {
  const found = await stat(file).catch((error: NodeJS.ErrnoException) => {
    throw new SetupError(`'${file}' cannot be read (${error.code === 'ENOENT' ? 'there is no such file' : error.code}).`, { cause: error });
  });
  if (!found.isFile()) {
    throw new SetupError(`'${file}' is not a file.`);
  }
  return found;
}

/** Opened when it is read: a stream that nobody reads would take the process down with its error. */
async function* read(file: string): AsyncGenerator<Uint8Array> {
  yield* createReadStream(file);
}
