/** Parts that several routes' schemas share. What crosses REST as a sequence id is a decimal string, as everywhere outside of TypeScript. */
import { z } from 'zod';
import type { SnapshotValue } from '../event-log/event-log.ts';

export const SequenceIdText = z
  .string()
  .regex(/^(0|[1-9]\d{0,18})$/, 'use a sequence id as a decimal string')
  .meta({ id: 'SequenceId', description: 'Sequence id of an entry, as a decimal string', example: '42' });

export const LogId = z
  .string()
  .regex(/^[a-z0-9][a-z0-9._-]{0,99}$/, 'use 1 to 100 of a-z, 0-9, ".", "_" and "-", beginning with a letter or digit')
  .meta({ id: 'LogId', example: 'flights' });

export const LogParams = z.object({ logId: LogId });

export const Timestamp = z.iso.datetime({ offset: true }).meta({ description: 'ISO 8601' });

export const Snapshot = z
  .object({ sequenceId: SequenceIdText, blobId: z.string().describe('Name of the root blob below /logs/{logId}/blobs') })
  .meta({ id: 'Snapshot', description: 'A snapshot holds the state of all entries before its sequence id' });

export function snapshotBody({ sequenceId, blobId }: SnapshotValue): z.input<typeof Snapshot> {
  return { sequenceId: String(sequenceId), blobId };
}

/** Of a page of a listing. */
export function pageSize(most: number, usual: number) {
  return z.coerce.number().int().min(1).max(most).default(usual).describe(`Most items in the answer, at most ${most}`);
}

export const TAGS = {
  logs: 'Logs and entries',
  sheets: 'Sheets',
  workbooks: 'Workbooks',
  blobs: 'Blobs and snapshots',
  messages: 'Messages',
  jobs: 'Jobs',
  work: 'Work',
  session: 'Session',
  server: 'Server',
} as const;
