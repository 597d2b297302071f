/** A server with sheets of any number of rows, the page that it gives, and a browser to look at them with. */
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { Browser } from 'playwright-core';
import { createDirectoryBlobStore } from '../../src/blob-store/directory-blob-store.ts';
import { createPostgresEventLog } from '../../src/event-log/postgres-event-log.ts';
import { SCOPES } from '../../src/http/access.ts';
import { createHttpApp } from '../../src/http/http-app.ts';
import { takeSnapshot } from '../../src/snapshots/take-snapshot.ts';
import type { SheetLog } from '../../src/spreadsheet/open-sheet.ts';
import { sheet } from '../../src/spreadsheet/sheet.ts';
import { createTidemark } from '../../src/tidemark.ts';
import { launchBrowser } from '../../test/support/browser.ts';
import { blobDirIn } from './dense-sheet.ts';
import type { BenchDatabase, Environment } from './environment.ts';

/** Figures run compiled, in node_modules/.cache/tidemark/bench-…/bench/support. */
const REPOSITORY = fileURLToPath(new URL('../../../../../../', import.meta.url));
const ROWS_PER_ENTRY = 500;
const COLUMNS = 8;

export interface SheetPages {
  browser: Browser;
  /** Of a sheet with so many rows of 8 cells, of which one snapshot is all that there is. */
  addressOf(rows: number): Promise<string>;
  close(): Promise<void>;
}

export async function openSheetPages(environment: Environment): Promise<SheetPages> {
  const database = await environment.database({ connections: 10 });
  const [folder, pageDir] = [await environment.folder(), await environment.folder()];
  await promisify(execFile)(process.execPath, [join(REPOSITORY, 'scripts/build-page.mjs'), pageDir], { cwd: REPOSITORY });
  const tidemark = createTidemark({ db: database.pool, blobs: createDirectoryBlobStore({ path: folder }) });
  const app = await createHttpApp({ tidemark, db: database.db, authorize: () => ({ scopes: SCOPES }), version: '0.0.0', pageDir });
  const url = await app.listen({ host: '127.0.0.1', port: 0 });
  const browser = await launchBrowser();
  return {
    browser,
    async addressOf(rows) {
      return `${url}/#/sheets/${await makeSheet(database, folder, rows)}`;
    },
    async close() {
      await browser.close();
      await app.close();
      await tidemark.close();
    },
  };
}

async function makeSheet({ owner, pool }: BenchDatabase, folder: string, rows: number): Promise<string> {
  const logId = `rows-${rows}`;
  const end = BigInt(Math.ceil(rows / ROWS_PER_ENTRY));
  const blobs = await blobDirIn(folder, logId);
  const snapshot = await takeSnapshot({ log: computedLog(rows), blobs, logType: sheet, sequenceId: end });
  await owner.query(
    `insert into tidemark.logs (id, type, first_sequence_id, next_sequence_id, snapshot_mark) values ($1, 'sheet', $2, $2, $2)`,
    [logId, end],
  );
  const log: SheetLog = createPostgresEventLog({ pool, logId });
  await log.addEntry({ type: 'SetCellValueAndFormat', row: 0, column: 0, value: 'first', snapshot }, end);
  return logId;
}

/** Answers what a fold asks for. */
function computedLog(rows: number): SheetLog {
  const end = Math.ceil(rows / ROWS_PER_ENTRY);
  const refuse = () => {
    throw new Error('This log is only read.');
  };
  return {
    async query(start, to) {
      const from = typeof start === 'bigint' ? Number(start) : 0;
      const until = Math.min(to === 'end' ? end : Number(to), from + 20);
      const entries = Array.from({ length: until - from }, (_, index) => {
        const row = (from + index) * ROWS_PER_ENTRY;
        const values = Array.from({ length: Math.min(ROWS_PER_ENTRY, rows - row) }, (_, down) =>
          Array.from({ length: COLUMNS }, (_, column) => (column === 0 ? `row ${row + down}` : ((row + down) * 31 + column) / 8)),
        );
        return { type: 'SetCellRange' as const, row, column: 0, values };
      });
      return { startSequenceId: BigInt(from), endSequenceId: BigInt(until), isComplete: until === end, entries };
    },
    addEntry: refuse,
    addEntries: refuse,
    setMetadata: refuse,
    completeWorkflow: refuse,
    truncate: refuse,
    subscribe: refuse,
  };
}
