/**
 * The state of a log type that fits in memory, as JSON in one gzip blob: the default `snapshots` of a log type.
 *
 * Content: { format, formatVersion, logType, typeVersion, sequenceId (decimal string), state }. The checksum is the sha-256 in the blob's
 * name, checked on every read. A snapshot of another log type or type version is never read: it reads as undefined.
 */

import { CorruptBlobError, TidemarkError } from '../errors.ts';
import type { LogType, SnapshotFormat } from '../event-log/log-type.ts';
import { nameContent, parseContent, readContent, writeContent } from './content-blob.ts';
import { jsonProblem } from './json-value.ts';
import { checkRootKind, isRootOf, rootPrefix } from './root-name.ts';

const FORMAT = 'tidemark-state';
const FORMAT_VERSION = 1;
/** Writing a larger one would hold up the event loop for more than half a second. */
const MAX_STATE_CHARACTERS = 64 * 1024 * 1024;

export function createJsonFormat<StateT>(logType: LogType['type']): SnapshotFormat<StateT> {
  return {
    async write(blobs, sequenceId, state, { typeVersion, cache, signal }) {
      const text = encodeState(logType, typeVersion, sequenceId, state);
      const blob = await nameContent(rootPrefix('state', typeVersion, sequenceId), text);
      signal?.throwIfAborted();
      await writeContent(blobs, blob);
      cache?.set(blob.name, text, 2 * text.length);
      return blob.name;
    },

    async read(blobs, blobId, { typeVersion, cache, signal }) {
      if (!isRootOf('state', typeVersion, blobId)) {
        return undefined;
      }
      // The text is cached, not the state: `apply` may change a state in place.
      let text = cache?.get(blobId) as string | undefined;
      if (text === undefined) {
        text = await readContent(blobs, blobId);
        cache?.set(blobId, text, 2 * text.length);
      }
      signal?.throwIfAborted();
      const content = parseContent(blobId, text, FORMAT, FORMAT_VERSION);
      if (content.logType !== logType || content.typeVersion !== typeVersion) {
        return undefined;
      }
      if (!('state' in content)) {
        throw new CorruptBlobError(blobId, 'it holds no state');
      }
      return content.state as StateT;
    },

    async *references(_, blobId) {
      checkRootKind('state', blobId);
      yield* []; // the state is all in its one blob
    },
  };
}

function encodeState(logType: string, typeVersion: number, sequenceId: bigint, state: unknown): string {
  const problem = jsonProblem(state);
  if (problem !== undefined) {
    throw new TidemarkError(
      'state_not_json',
      `The state of log type '${logType}' holds ${problem}, which JSON does not keep. Use plain objects, arrays, strings, finite numbers, booleans and null, or give the log type its own snapshots.`,
    );
  }
  const header = { format: FORMAT, formatVersion: FORMAT_VERSION, logType, typeVersion, sequenceId: String(sequenceId) };
  const text = JSON.stringify({ ...header, state });
  if (text.length > MAX_STATE_CHARACTERS) {
    throw new TidemarkError(
      'state_too_large',
      `The state of log type '${logType}' is ${text.length} characters of JSON; one blob takes ${MAX_STATE_CHARACTERS}. Keep less in it, or give the log type its own snapshots.`,
    );
  }
  return text;
}
