/** The codec over what browsers, and other runtimes with web interfaces, have. */
import { SetupError } from '../errors.ts';
import type { ContentCodec } from './content-codec.ts';

export function webCodec(): ContentCodec {
  const encoder = new TextEncoder();
  const decoder = new TextDecoder();
  return {
    encodeText: (text) => encoder.encode(text),
    decodeText: (content) => decoder.decode(content),
    async sha256(content) {
      const { subtle } = globalThis.crypto;
      if (subtle === undefined) {
        throw new SetupError(
          'Blobs cannot be checked here: browsers have crypto.subtle on https and localhost alone. Serve this page over https.',
        );
      }
      const digest = new Uint8Array(await subtle.digest('SHA-256', content as Uint8Array<ArrayBuffer>));
      return Array.from(digest, (byte) => byte.toString(16).padStart(2, '0')).join('');
    },
    compress: (content) => through(content, new CompressionStream('gzip')),
    expand: (compressed) => through(compressed, new DecompressionStream('gzip')),
  };
}

async function through(bytes: Uint8Array, transform: CompressionStream | DecompressionStream): Promise<Uint8Array> {
  const source = new Blob([bytes as Uint8Array<ArrayBuffer>]).stream();
  return new Uint8Array(await new Response(source.pipeThrough(transform)).arrayBuffer());
}
