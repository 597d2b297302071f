/**
 * Blobs that are named by their content: gzip over UTF-8 text (JSON), the sha-256 of that text at the end of the name.
 *
 * The hash is of the text and not of the compressed bytes, so that another version of zlib writes the same name. It is checked on every
 * read: a blob that was cut short, changed or swapped is a CorruptBlobError that names it. Nothing here needs Node: see content-codec.ts.
 */
import type { BlobDir } from '../blob-store/blob-store.ts';
import { hashInName } from '../blob-store/content-name.ts';
import { CorruptBlobError } from '../errors.ts';
import { contentCodec } from './content-codec.ts';

export interface ContentBlob {
  readonly name: string;
  readonly hash: string;
  /** UTF-8, not compressed. */
  readonly content: Uint8Array;
}

/** Names `text` as `<prefix>-<sha-256>.gz`; nothing is written yet. */
export async function nameContent(prefix: string, text: string): Promise<ContentBlob> {
  const content = contentCodec.encodeText(text);
  const hash = await contentCodec.sha256(content);
  return { name: contentName(prefix, hash), hash, content };
}

export function contentName(prefix: string, hash: string): string {
  return `${prefix}-${hash}.gz`;
}

/** @param signal once it is aborted, no write begins */
export async function writeContent(blobs: BlobDir, { name, content }: ContentBlob, signal?: AbortSignal): Promise<void> {
  const compressed = await contentCodec.compress(content);
  signal?.throwIfAborted();
  await blobs.writeBlob(name, compressed);
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
    content = await contentCodec.expand(compressed);
  } catch (cause) {
    throw new CorruptBlobError(name, 'it is not a whole gzip file', { cause });
  }
  if ((await contentCodec.sha256(content)) !== hash) {
    throw new CorruptBlobError(name, 'its content does not match the sha-256 in its name');
  }
  return contentCodec.decodeText(content);
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
