/** A file on its way to the server, with how far it is: fetch does not say that of what it sends. */
import { TidemarkError, UnavailableError } from '../errors.ts';
import { heard } from './client.ts';
import { lostServer } from './connection.ts';

export interface UploadOptions {
  /** From 0 to 1; at 1 the server has it all and is at work on it. */
  onProgress?: (part: number) => void;
  signal?: AbortSignal;
}

const TYPES: Record<string, string> = {
  csv: 'text/csv',
  xlsx: 'application/vnd.openxmlformats-officedocument.spreadsheetml.sheet',
};

export type FileFormat = 'csv' | 'xlsx';

/** @returns undefined for what is neither */
export function formatOfFile({ name }: Pick<File, 'name'>): FileFormat | undefined {
  if (/\.(csv|tsv|txt)$/i.test(name)) return 'csv';
  return /\.xlsx$/i.test(name) ? 'xlsx' : undefined;
}

/** @throws TidemarkError with the code of the problem; UnavailableError where the connection breaks */
export function upload<T>(address: string, file: File, { onProgress, signal }: UploadOptions = {}): Promise<T> {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open('POST', address);
    request.setRequestHeader('content-type', TYPES[formatOfFile(file) ?? ''] ?? 'application/octet-stream');
    request.setRequestHeader('accept', 'application/json');
    request.upload.onprogress = ({ loaded, total }) => onProgress?.(total > 0 ? loaded / total : 0);
    request.onload = () => {
      heard(request.status);
      if (request.status < 300) resolve(JSON.parse(request.responseText));
      else reject(errorIn(request));
    };
    request.onerror = () => {
      lostServer();
      reject(
        new UnavailableError(
          'The connection broke while the file was on its way. What had come of it may be there: look before you try again.',
        ),
      );
    };
    request.onabort = () => reject(signal?.reason);
    signal?.addEventListener('abort', () => request.abort(), { once: true });
    request.send(file);
  });
}

function errorIn({ status, responseText }: XMLHttpRequest): TidemarkError {
  try {
    const { code, detail } = JSON.parse(responseText);
    return new TidemarkError(code, detail);
  } catch {
    // Something between here and the server has answered.
    return new UnavailableError(`The server answered ${status}.`);
  }
}
