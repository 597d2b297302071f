/** The bytes of a CSV file on their way in: what is compressed with gzip is unpacked, what is another kind of file is refused. */
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGunzip } from 'node:zlib';
import { InvalidInputError } from '../errors.ts';
import { fileKind, KIND_BYTES } from './file-kind.ts';
import { MIN_RATIO_BYTES, overLimit, type UnpackLimits } from './unpack-limits.ts';

export interface CsvBytesOptions {
  /** For messages. */
  name: string;
  /** Of what is compressed. */
  limits: UnpackLimits;
}

/** @throws InvalidInputError for a workbook, a picture and the like, and for gzip that is damaged, cut off or over a limit */
export async function* csvBytes(
  source: AsyncIterable<Uint8Array>,
  { name, limits }: CsvBytesOptions,
): AsyncGenerator<Uint8Array, void, undefined> {
  const { start, all } = await peek(source);
  const kind = fileKind(start);
  switch (kind) {
    case undefined:
      yield* all;
      return;
    case 'gzip':
      yield* unpack(all, name, limits);
      return;
    case 'zip':
      throw new InvalidInputError(`'${name}' is a ZIP archive, as XLSX workbooks are, and no CSV. If it is a workbook, name it '.xlsx'.`);
    case 'ole':
      throw new InvalidInputError(`'${name}' is a workbook of an old kind or with a password, and no CSV. Save it as CSV or as XLSX.`);
    default:
      throw new InvalidInputError(`'${name}' is a ${kind} and no CSV.`);
  }
}

async function peek(source: AsyncIterable<Uint8Array>): Promise<{ start: Uint8Array; all: AsyncGenerator<Uint8Array> }> {
  const iterator = source[Symbol.asyncIterator]();
  const chunks: Uint8Array[] = [];
  let length = 0;
  let isDone = false;
  while (length < KIND_BYTES && !isDone) {
    const next = await iterator.next();
    isDone = next.done === true;
    if (!isDone) {
      chunks.push(next.value);
      length += next.value.length;
    }
  }
  async function* all(): AsyncGenerator<Uint8Array> {
    yield* chunks.splice(0);
    if (!isDone) {
      yield* { [Symbol.asyncIterator]: () => iterator };
    }
  }
  return { start: Buffer.concat(chunks.map((chunk) => chunk.subarray(0, KIND_BYTES))), all: all() };
}

async function* unpack(packed: AsyncIterable<Uint8Array>, name: string, limits: UnpackLimits): AsyncGenerator<Uint8Array> {
  const gunzip = createGunzip();
  pipeline(Readable.from(packed), gunzip).catch(() => {}); // the same error ends the loop below
  try {
    let length = 0;
    for await (const bytes of gunzip as AsyncIterable<Uint8Array>) {
      length += bytes.length;
      checkUnpacked(length, gunzip.bytesWritten, name, limits);
      yield bytes;
    }
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'Z_BUF_ERROR') {
      throw new InvalidInputError(`'${name}' is cut off: its gzip data ends too early. Get the whole file and import it again.`, {
        cause: error,
      });
    }
    if (code?.startsWith('Z_')) {
      throw new InvalidInputError(`'${name}' is damaged: its gzip data cannot be unpacked (${code}).`, { cause: error });
    }
    throw error;
  }
}

function checkUnpacked(unpacked: number, packed: number, name: string, { unpackedBytes, ratio, advice }: UnpackLimits): void {
  if (unpacked > unpackedBytes) {
    throw overLimit(name, `it unpacks to more than the limit of ${unpackedBytes} bytes`, 'unpackedBytes', advice);
  }
  if (unpacked > MIN_RATIO_BYTES && unpacked > packed * ratio) {
    const reason = `${packed} bytes of it unpack to ${unpacked}, over the limit of ${ratio} times their size`;
    throw overLimit(name, reason, 'ratio', advice);
  }
}
