/**
 * Blobs that are named by their content: gzip over UTF-8 text (JSON), the sha-256 of that text at the end of the name.
 *
 * The hash is of the text and not of the compressed bytes, so that another version of zlib writes the same name. It is checked on every
 * read: a blob that was cut short, changed or swapped is a CorruptBlobError that names it. A browser reads one with what it has:
 * DecompressionStream('gzip'), JSON.parse, and crypto.subtle.digest to check.
 */
import { hash as digest } from 'node:crypto';
import { promisify } from 'node:util';
import { gunzip, gunzipSync, gzip, gzipSync } from 'node:zlib';
import type { BlobDir } from '../blob-store/blob-store.ts';
import { hashInName } from '../blob-store/content-name.ts';
import { CorruptBlobError } from '../errors.ts';

const gzipAsync = promisify(gzip);
const gunzipAsync = promisify(gunzip);

/** Half the time of the default level; columns of numbers come out as small, texts 3 % larger. */
const COMPRESS = { level: 3 };
/**
 * Below these the round trip to the thread pool (about 0.2 ms) costs more than the work: 16 KB of JSON compress in 0.1 ms,
 * 32 KB of gzip expand in 0.2 ms.
 */
const COMPRESS_INLINE_BYTES = 16 * 1024;
const EXPAND_INLINE_BYTES = 32 * 1024;

export interface ContentBlob {
  readonly name: string;
  readonly hash: string;
  /** UTF-8, not compressed. */
  readonly content: Uint8Array;
}

/** Names `text` as `<prefix>-<sha-256>.gz`; nothing is written yet. */
export function nameContent(prefix: string, text: string): ContentBlob {
  const content = Buffer.from(text, 'utf8');
  const hash = digest('sha256', content, 'hex');
  return { name: contentName(prefix, hash), hash, content };
}

export function contentName(prefix: string, hash: string): string {
  return `${prefix}-${hash}.gz`;
}

export async function writeContent(blobs: BlobDir, { name, content }: ContentBlob): Promise<void> {
  await blobs.writeBlob(name, content.length < COMPRESS_INLINE_BYTES ? gzipSync(content, COMPRESS) : await gzipAsync(content, COMPRESS));
}

/** @throws CorruptBlobError when the content is not what the name says; BlobNotFoundError */
export async function readContent(blobs: BlobDir, name: string): Promise<string> {
  const hash = hashInName(name);
  if (hash === undefined) {
    throw new CorruptBlobError(name, 'its name does not end in the sha-256 of its content');
  }
  const compressed = await blobs.readBlob(name);
  let content: Uint8Array;
  try {
    content = compressed.length < EXPAND_INLINE_BYTES ? gunzipSync(compressed) : await gunzipAsync(compressed);
  } catch (cause) {
    throw new CorruptBlobError(name, 'it is not a whole gzip file', { cause });
  }
  if (digest('sha256', content, 'hex') !== hash) {
    throw new CorruptBlobError(name, 'its content does not match the sha-256 in its name');
  }
  return Buffer.from(content.buffer, content.byteOffset, content.byteLength).toString('utf8');
}

/** @throws CorruptBlobError when `text`, read from `name`, is no JSON object of this `format` and `formatVersion` */
export function parseContent(name: string, text: string, format: string, formatVersion: number): Record<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new CorruptBlobError(name, 'it is not JSON', { cause });
  }
  const object = (value ?? {}) as Record<string, unknown>;
  if (object.format !== format) {
    throw new CorruptBlobError(name, `it is not of format ${format}`);
  }
  if (object.formatVersion !== formatVersion) {
    throw new CorruptBlobError(name, `it is of format version ${object.formatVersion}, this release reads ${formatVersion}`);
  }
  return object;
}
