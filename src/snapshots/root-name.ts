/**
 * Names of root blobs: `<kind>-v<type version>-<sequence id>-<sha-256>.gz`, at most 100 characters.
 *
 * The type version stands in the name so that a walk over the snapshots of another version reads none of them.
 */

import { CorruptBlobError } from '../errors.ts';
import type { BlobId, SequenceId } from '../event-log/event-log.ts';

export const ROOT_KINDS = ['state', 'sheet'] as const;
export type RootKind = (typeof ROOT_KINDS)[number];

export function rootPrefix(kind: RootKind, typeVersion: number, sequenceId: SequenceId): string {
  return `${kind}-v${typeVersion}-${sequenceId}`;
}

/**
 * @returns whether `blobId` is a root of this kind and version; false for a root of ours of another kind or version
 * @throws CorruptBlobError for a name that no release has written
 */
export function isRootOf(kind: RootKind, typeVersion: number, blobId: BlobId): boolean {
  const name = parseRootName(blobId);
  return name.kind === kind && name.typeVersion === String(typeVersion);
}

/** @throws CorruptBlobError where `blobId` is no root of this kind, whatever its version */
export function checkRootKind(kind: RootKind, blobId: BlobId): void {
  if (parseRootName(blobId).kind !== kind) {
    throw new CorruptBlobError(blobId, `it is not a snapshot of kind '${kind}'`);
  }
}

function parseRootName(blobId: BlobId): { kind: string; typeVersion: string } {
  const [, kind = '', typeVersion = ''] = /^([a-z]+)-v([1-9][0-9]{0,4})-(?:0|[1-9][0-9]{0,18})-[0-9a-f]{64}\.gz$/.exec(blobId) ?? [];
  if (!(ROOT_KINDS as readonly string[]).includes(kind)) {
    throw new CorruptBlobError(blobId, 'its name is not that of a snapshot');
  }
  return { kind, typeVersion };
}
