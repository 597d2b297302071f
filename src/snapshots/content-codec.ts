/**
 * What blobs named by their content need of a platform: gzip, sha-256 and UTF-8. Node's own modules where there are any, else what browsers
 * have. One choice at load time, without an import that a bundler would have to replace.
 *
 * Answers may come at once or later: Node's for small contents do, and spare the turn of the event loop.
 */
import { nodeCodec } from './content-codec-node.ts';
import { webCodec } from './content-codec-web.ts';

export interface ContentCodec {
  encodeText(text: string): Uint8Array;
  decodeText(content: Uint8Array): string;
  /** Hexadecimal. */
  sha256(content: Uint8Array): string | Promise<string>;
  compress(content: Uint8Array): Uint8Array | Promise<Uint8Array>;
  /** Throws, or rejects, where `compressed` is no whole gzip file. */
  expand(compressed: Uint8Array): Uint8Array | Promise<Uint8Array>;
}

export const contentCodec: ContentCodec = nodeCodec() ?? webCodec();
