/** The events of a log's stream, by name. */
import { z } from 'zod';
import { Entry, EntryMetadata, Provenance } from './entry-schemas.ts';
import { SequenceIdText } from './schemas.ts';

const MarkedEntry = EntryMetadata.extend({ sequenceId: SequenceIdText });

export const LogEvents = {
  entries: z
    .object({
      startSequenceId: SequenceIdText,
      nextSequenceId: SequenceIdText.describe('Exclusive: where the next entries start'),
      entries: z.array(Entry),
      provenance: z.array(Provenance).describe('Of each entry'),
    })
    .meta({ id: 'EntriesEvent', description: 'New entries, at most a page of them' }),
  metadata: MarkedEntry.meta({
    id: 'MetadataEvent',
    description: 'What the metadata of an entry before the position of the stream is now; what is absent is not set (any more)',
  }),
  marked: z
    .object({
      entries: z.array(MarkedEntry),
      isComplete: z.boolean().describe('False: there are older ones; `entries` are the newest'),
    })
    .meta({
      id: 'MarkedEvent',
      description:
        'At the beginning: the entries before the position of the stream that have metadata now, oldest first. Any other, from the first of them on, has none: what changed while nobody listened',
    }),
  truncated: z
    .object({ startSequenceId: SequenceIdText })
    .meta({ id: 'TruncatedEvent', description: 'The log begins there now, and the stream was before it: it goes on from there' }),
};

function eventNamed<NameT extends keyof typeof LogEvents>(name: NameT) {
  const schema = { $ref: `#/components/schemas/${LogEvents[name].meta()?.id}` };
  return z.object({
    id: SequenceIdText.describe('Where to resume'),
    event: z.literal(name),
    data: z.string().meta({ contentMediaType: 'application/json', contentSchema: schema }),
  });
}

/** What the documentation says of a stream is what it says of each of its events. */
export const LogEvent = z
  .union([eventNamed('entries'), eventNamed('metadata'), eventNamed('marked'), eventNamed('truncated')])
  .meta({ id: 'LogEvent', description: 'One event of the stream; its data is JSON' });
