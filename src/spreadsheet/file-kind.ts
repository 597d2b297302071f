/** What a file is, by the bytes it begins with: its name may say something else. */

export type FileKind =
  | 'zip'
  | 'gzip'
  | 'ole'
  | 'PNG image'
  | 'JPEG image'
  | 'GIF image'
  | 'PDF document'
  | 'SQLite database'
  | 'Parquet file';

/** Bytes that `fileKind` looks at. */
export const KIND_BYTES = 8;

const STARTS: readonly (readonly [FileKind, string])[] = [
  ['zip', 'PK\x03\x04'],
  // An archive without any file, and one whose first part says that it is one of several.
  ['zip', 'PK\x05\x06'],
  ['zip', 'PK\x07\x08'],
  ['gzip', '\x1f\x8b'],
  ['ole', '\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1'],
  ['PNG image', '\x89PNG'],
  ['JPEG image', '\xff\xd8\xff'],
  ['GIF image', 'GIF8'],
  ['PDF document', '%PDF-'],
  ['SQLite database', 'SQLite f'],
  ['Parquet file', 'PAR1'],
];

/** @returns undefined where the bytes are of none of these: text, perhaps */
export function fileKind(bytes: Uint8Array): FileKind | undefined {
  const start = Buffer.from(bytes.subarray(0, KIND_BYTES)).toString('latin1');
  return STARTS.find(([, magic]) => start.startsWith(magic))?.[0];
}
