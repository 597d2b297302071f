/** Snapshots of a log, and what those of a sheet are made of. */
import { z } from 'zod';
import { TidemarkError } from '../errors.ts';
import type { SequenceId, SnapshotValue } from '../event-log/event-log.ts';
import { listSnapshots } from '../event-log/list-snapshots.ts';
import { readLog } from '../event-log/read-log.ts';
import { parseSequenceId } from '../event-log/sequence-id.ts';
import { withHistory } from '../history/with-history.ts';
import { isUnusableBlob } from '../snapshots/find-base.ts';
import { sheet } from '../spreadsheet/sheet.ts';
import { readSnapshotTiles, type SnapshotTiles } from '../spreadsheet/snapshot-tiles.ts';
import type { HttpApp, HttpContext } from './http-context.ts';
import { problems } from './problem.ts';
import { LogId, LogParams, pageSize, SequenceIdText, Snapshot, snapshotBody, TAGS, Timestamp } from './schemas.ts';
import type { SheetReader } from './sheet-reader.ts';

export const SnapshotItem = Snapshot.extend({ committedAt: Timestamp.describe('When its entry was appended') }).meta({
  id: 'SnapshotItem',
});

export const SnapshotsPage = z.object({ snapshots: z.array(SnapshotItem), next: SequenceIdText.optional() });

export const TileBody = z
  .object({
    row: z.int().describe('Of its top left cell'),
    column: z.int(),
    rowCount: z.int().describe('Rows up to the last one that holds a cell'),
    columnCount: z.int(),
    bytes: z.int().optional().describe('JSON of the tile before compression; absent where one item stands for several tiles'),
    isRewritten: z.boolean(),
  })
  .meta({ id: 'Tile' });

export const TilesBody = z
  .object({
    tiles: z.array(TileBody).describe('By row, then by column; at most 10,000. Of a sheet with more, one item stands for a block of them'),
    tileRows: z.int().describe('Rows that one item covers at most: 64, or more where it stands for several tiles'),
    tileColumns: z.int(),
    tileCount: z.int(),
    rewrittenCount: z.int().describe('How many of the items'),
    cells: z.int(),
    bytes: z.int().optional().describe('Of all tiles together; absent where items stand for several'),
    previous: Snapshot.optional().describe(
      'What it is compared with; absent: there is none before it that can be read, so all counts as rewritten',
    ),
  })
  .meta({ id: 'SnapshotTiles' });

/** Of snapshots that are archived, older ones may have been removed from the blob store. */
const MAX_OLDER = 10;

export function snapshotRoutes(app: HttpApp, context: HttpContext, sheets: SheetReader): void {
  const { tidemark, db } = context;

  app.route({
    method: 'GET',
    url: '/logs/:logId/snapshots',
    config: { access: 'read' },
    schema: {
      tags: [TAGS.blobs],
      summary: 'List the snapshots on entries that the log holds, newest first',
      params: LogParams,
      querystring: z.object({ limit: pageSize(1_000, 100), before: SequenceIdText.optional().describe('The `next` of the page before') }),
      response: { 200: SnapshotsPage, ...problems(404) },
    },
    async handler({ params: { logId }, query: { limit, before } }) {
      await readLog(db, logId);
      const upTo = before === undefined ? undefined : parseSequenceId(before) - 1n;
      const found = await listSnapshots(db, { logId, upTo, limit: limit + 1 });
      const page = found.slice(0, limit);
      return {
        snapshots: page.map((snapshot) => ({ ...snapshotBody(snapshot), committedAt: snapshot.committedAt })),
        ...(found.length > limit ? { next: String(page.at(-1)?.sequenceId) } : {}),
      };
    },
  });

  app.route({
    method: 'GET',
    url: '/logs/:logId/snapshots/:sequenceId/tiles',
    config: { access: 'read' },
    schema: {
      tags: [TAGS.blobs],
      summary: "Say where the tiles of a sheet's snapshot lie, and which it rewrote",
      description: 'Rewritten are tiles whose content is another one than in the snapshot before. Archived snapshots too.',
      params: z.object({ logId: LogId, sequenceId: SequenceIdText }),
      response: { 200: TilesBody, ...problems(404) },
    },
    async handler({ params: { logId, sequenceId: text } }, reply) {
      await sheets.check(logId);
      const sequenceId = parseSequenceId(text);
      const { eventLog, blobs: openBlobs } = tidemark.log(sheet, logId);
      const blobs = await openBlobs();
      const older = snapshotsFrom(context, logId, withHistory({ log: eventLog, blobs, cache: tidemark.cache }), sequenceId);
      const first = await older.next();
      if (first.done || first.value.sequenceId !== sequenceId) {
        throw new TidemarkError('snapshot_not_found', `Entry ${text} of log '${logId}' has no snapshot. See /logs/${logId}/snapshots.`);
      }
      const { blobId } = first.value;
      const { value, previous } = await compareWithOlder(older, (before) =>
        readSnapshotTiles(blobId, before, { blobs, cache: tidemark.cache }),
      );
      return reply.type('application/json').serializer(JSON.stringify).send(tilesBody(value, previous));
    },
  });
}

/** On entries at or before `from`, newest first, held and archived. */
async function* snapshotsFrom(
  { db }: HttpContext,
  logId: string,
  log: Pick<ReturnType<typeof withHistory>, 'archivedSnapshots'>,
  from: SequenceId,
): AsyncGenerator<SnapshotValue, void, undefined> {
  let position = from;
  for (const snapshot of await listSnapshots(db, { logId, upTo: from, limit: MAX_OLDER })) {
    yield snapshot;
    position = snapshot.sequenceId - 1n;
  }
  yield* log.archivedSnapshots(position);
}

/** With the newest of the older ones that can be read. */
async function compareWithOlder(older: AsyncGenerator<SnapshotValue, void, undefined>, read: (before?: string) => Promise<SnapshotTiles>) {
  for (let tries = 0; tries < MAX_OLDER; tries += 1) {
    const { value: previous } = await older.next();
    try {
      return { value: await read(previous?.blobId), previous: previous ?? undefined };
    } catch (error) {
      if (!previous || !isUnusableBlob(error)) {
        throw error;
      }
    }
  }
  return { value: await read(), previous: undefined };
}

function tilesBody({ blocks, blockRows, blockColumns, tiles, cells, bytes }: SnapshotTiles, previous: SnapshotValue | undefined) {
  return {
    tiles: blocks,
    tileRows: blockRows,
    tileColumns: blockColumns,
    tileCount: tiles,
    rewrittenCount: blocks.filter(({ isRewritten }) => isRewritten).length,
    cells,
    ...(bytes === undefined ? {} : { bytes }),
    ...(previous === undefined ? {} : { previous: snapshotBody(previous) }),
  };
}
