/**
 * The ZIP archive that a workbook is: its parts by name, each unpacked as a stream.
 *
 * What its directory says about sizes is checked against the limits before anything is unpacked, and while a part is unpacked it is checked that
 * the directory was right. A file that is no such archive, cut off, or encrypted is an InvalidInputError.
 */
import { open as openFile } from 'node:fs/promises';
import type { Readable } from 'node:stream';
import { type Entry, open as openZip, type ZipFile } from 'yauzl';
import { errorMessage, InvalidInputError } from '../../errors.ts';
import { fileKind, KIND_BYTES } from '../file-kind.ts';
import { MIN_RATIO_BYTES, overLimit } from '../unpack-limits.ts';
import type { WorkbookLimits } from './limits.ts';

export interface WorkbookPackage {
  /** For messages. */
  readonly name: string;
  readonly limits: WorkbookLimits;
  /** Unpacked bytes; undefined: there is no such part. */
  size(part: string): number | undefined;
  /** @throws InvalidInputError while it is read, where the archive is damaged; the signal's reason */
  read(part: string): AsyncGenerator<Uint8Array, void, undefined>;
  close(): void;
}

/** @param name for messages */
export async function openPackage(file: string, name: string, limits: WorkbookLimits, signal?: AbortSignal): Promise<WorkbookPackage> {
  await checkKind(file, name);
  const zip = await new Promise<ZipFile>((resolve, reject) => {
    openZip(file, { autoClose: false, lazyEntries: true, strictFileNames: false }, (error, opened) => {
      if (error) {
        const fault = new InvalidInputError(
          `'${name}' is no whole XLSX workbook: its ZIP directory cannot be read (${errorMessage(error)}). Was it cut off on its way?`,
          { cause: error },
        );
        reject('code' in error ? error : fault);
      } else {
        resolve(opened);
      }
    });
  });
  try {
    const entries = await listEntries(zip, name, limits);
    return {
      name,
      limits,
      size: (part) => entries.get(part)?.uncompressedSize,
      read: (part) => readPart(zip, entries.get(part) as Entry, name, signal),
      close: () => zip.close(),
    };
  } catch (error) {
    zip.close();
    throw error;
  }
}

async function checkKind(file: string, name: string): Promise<void> {
  const handle = await openFile(file);
  try {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(KIND_BYTES), 0, KIND_BYTES, 0);
    const kind = fileKind(buffer.subarray(0, bytesRead));
    if (kind === 'zip') {
      return;
    }
    if (kind === 'ole') {
      throw new InvalidInputError(
        `'${name}' is a workbook with a password, or one of before 2007 (.xls). Save it without a password as XLSX and import it again.`,
      );
    }
    const isWhat = bytesRead === 0 ? 'is empty' : kind === undefined ? 'is no ZIP archive, which an XLSX workbook is' : `is a ${kind}`;
    const advice = kind === undefined && bytesRead > 0 ? " If it is CSV, name it '.csv'." : '';
    throw new InvalidInputError(`'${name}' is no XLSX workbook: it ${isWhat}.${advice}`);
  } finally {
    await handle.close();
  }
}

async function listEntries(zip: ZipFile, name: string, limits: WorkbookLimits): Promise<Map<string, Entry>> {
  const refuse = (reason: string, option: keyof WorkbookLimits) => overLimit(name, reason, option);
  if (zip.entryCount > limits.parts) {
    throw refuse(`it has ${zip.entryCount} parts, over the limit of ${limits.parts}`, 'parts');
  }
  const entries = new Map<string, Entry>();
  let unpacked = 0;
  await new Promise<void>((resolve, reject) => {
    zip.on('error', (error: Error) => reject(damaged(name, error)));
    zip.once('end', resolve);
    zip.on('entry', (entry: Entry) => {
      const { fileName, uncompressedSize, compressedSize } = entry;
      unpacked += uncompressedSize;
      const ratio = uncompressedSize / Math.max(compressedSize, 1);
      if (entry.isEncrypted()) {
        reject(new InvalidInputError(`'${name}' is encrypted. Save it without a password and import it again.`));
      } else if (unpacked > limits.unpackedBytes) {
        reject(refuse(`it unpacks to more than the limit of ${limits.unpackedBytes} bytes`, 'unpackedBytes'));
      } else if (uncompressedSize > MIN_RATIO_BYTES && ratio > limits.ratio) {
        const part = `${fileName.slice(0, 60)} unpacks to ${Math.round(ratio)} times its size, ${uncompressedSize} bytes`;
        reject(refuse(`${part}, over the limit of ${limits.ratio} times`, 'ratio'));
      } else {
        entries.set(fileName, entry);
        zip.readEntry();
      }
    });
    zip.readEntry();
  });
  return entries;
}

async function* readPart(zip: ZipFile, entry: Entry, name: string, signal?: AbortSignal): AsyncGenerator<Uint8Array, void, undefined> {
  const stream = await new Promise<Readable>((resolve, reject) => {
    zip.openReadStream(entry, (error, opened) => (error ? reject(damaged(name, error)) : resolve(opened)));
  });
  try {
    for await (const chunk of stream as AsyncIterable<Uint8Array>) {
      signal?.throwIfAborted();
      yield chunk;
    }
  } catch (error) {
    signal?.throwIfAborted();
    throw damaged(name, error);
  }
}

/** Of the archive, or of unpacking; what the disk says passes as it is. */
function damaged(name: string, error: unknown): unknown {
  const { code } = error as NodeJS.ErrnoException;
  if (error instanceof InvalidInputError || (code !== undefined && !code.startsWith('Z_'))) {
    return error;
  }
  return new InvalidInputError(`'${name}' is damaged: ${errorMessage(error)}. Get the whole file and import it again.`, { cause: error });
}
