/** What entries are in JSON. Its types are those of the client, too. */
import { z } from 'zod';
import { SequenceIdText, Snapshot, Timestamp } from './schemas.ts';

/** Most entries in one append, and in one page. */
const MAX_APPENDED = 1_000;
export const MAX_PAGE = 10_000;

/** The log's type checks it: here it passes as it is. */
const NewEntry = z.unknown().meta({
  id: 'NewEntry',
  type: 'object',
  required: ['type'],
  properties: { type: { type: 'string', minLength: 1 } },
  additionalProperties: true,
  description:
    'An entry as it is written: its type and its own fields, as its log type has them. `snapshot`, `history` and `pending` are refused',
  example: { type: 'SetCellValueAndFormat', row: 0, column: 0, value: 42 },
});

export const EntryMetadata = z.object({
  snapshot: z.string().optional().describe('Blob with the state of all entries before this one'),
  history: z.string().optional().describe('Blob from which all entries before this one can be read'),
  pending: z.string().optional().describe('Workflow that has yet to run for this entry'),
});

export const Entry = EntryMetadata.extend({ type: z.string() })
  .loose()
  .meta({ id: 'Entry', description: 'An entry: its type, its own fields, and what workflows have set' });

export const Provenance = z
  .object({
    actor: z.string().optional(),
    correlationId: z.string().optional(),
    causationId: z.string().optional(),
    committedAt: Timestamp.optional().describe('Absent only where an archive does not know'),
  })
  .meta({ id: 'Provenance', description: 'Who wrote an entry, when, and in answer to what' });

export const EntriesPage = z
  .object({
    startSequenceId: SequenceIdText,
    endSequenceId: SequenceIdText.describe('Exclusive: where the next page starts'),
    isComplete: z.boolean().describe('Whether the entries reach the end that was asked for, or that of the log'),
    lastSnapshot: Snapshot.optional().describe('The newest one, where `snapshotId` was given and is another'),
    entries: z.array(Entry),
    provenance: z.array(Provenance).optional().describe('Of each entry, where asked for'),
  })
  .meta({ id: 'EntriesPage' });

export const KnownSnapshot = z
  .union([SequenceIdText, z.literal('none')])
  .optional()
  .describe('The newest snapshot that you know of, or `none`: a newer one is in the answer');

export const AppendBody = z.object({
  entries: z.array(NewEntry).min(1).max(MAX_APPENDED).describe(`1 to ${MAX_APPENDED} entries: all of them or none`),
  expect: z
    .union([SequenceIdText, z.literal('any')])
    .describe("The log's next sequence id as you know it, or 'any': wherever the log ends"),
  snapshotId: KnownSnapshot,
});

export const Appended = z
  .object({
    sequenceId: SequenceIdText.describe('Of the first entry appended'),
    nextSequenceId: SequenceIdText,
    lastSnapshot: Snapshot.optional().describe('The newest one, where `snapshotId` was given and is another'),
  })
  .meta({ id: 'Appended' });
