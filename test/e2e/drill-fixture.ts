/** A small drill that has settled, without a kill: what the checker's own tests break, one thing at a time, each in a copy of its own. */
import { cp, mkdir, readdir, symlink, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { createDirectoryBlobStore } from '../../src/blob-store/directory-blob-store.ts';
import { createLog } from '../../src/event-log/create-log.ts';
import type { LogEntry } from '../../src/event-log/event-log.ts';
import { createPostgresEventLog } from '../../src/event-log/postgres-event-log.ts';
import { applySubscriptions } from '../../src/messages/apply-subscriptions.ts';
import { createPool, type Pool } from '../../src/postgres/pool.ts';
import { sheet } from '../../src/spreadsheet/sheet.ts';
import { runUntilIdle } from '../../src/testing.ts';
import { createTidemark } from '../../src/tidemark.ts';
import { redriveWork } from '../../src/work/redrive.ts';
import { createAcknowledgedFile } from '../drill/acknowledged-file.ts';
import { createAppender } from '../drill/appender.ts';
import { CHANGE_GRANTS, installChangeRecording } from '../drill/change-recording.ts';
import type { CheckOptions } from '../drill/checker/check.ts';
import { cellEntryOf, scatteredEntryOf } from '../drill/entries.ts';
import { drillTopics, drillWorkers, type Task } from '../drill/message-app.ts';
import { installMessageRecording, MESSAGE_GRANTS } from '../drill/message-recording.ts';
import { createPublisher, type Publication, type PublishRecord } from '../drill/publisher.ts';
import { createRandom } from '../drill/random.ts';
import { installRecording } from '../drill/recording.ts';
import { bankAccount, bankEntryFor } from '../support/bank-account.ts';
import { createTestDatabase, shutDatabase, type TestDatabase } from '../support/database.ts';
import { createTestDirectory } from '../support/servers.ts';

export interface DrillFixture {
  copy(): Promise<DrillCopy>;
  drop(): Promise<void>;
}

export interface DrillCopy extends CheckOptions {
  /** As superuser. */
  readonly owner: Pool;
  /** @returns the folder of a log's blobs, to be changed: until it is asked for, the copy reads the original's */
  blobsOf(logId: string): Promise<string>;
  drop(): Promise<void>;
}

/** Enough entries for several snapshots of each log. The first entries of one are truncated away. */
export async function createDrillFixture(): Promise<DrillFixture> {
  const database = await createTestDatabase();
  const directory = await createTestDirectory();
  const origin = join(directory.path, 'origin');
  await mkdir(origin);
  await installRecording(database.ownerPool);
  await installMessageRecording(database.ownerPool);
  await installChangeRecording(database.ownerPool);
  await database.ownerPool.query(`${MESSAGE_GRANTS} ${CHANGE_GRANTS} grant usage on schema drill to public`);
  await fill(database, origin);
  await publishAll(database, origin);
  await changeRows(database);
  let copies = 0;
  return {
    async copy() {
      copies += 1;
      const name = `${database.name}_${copies}`;
      const path = join(directory.path, name);
      const blobsDir = join(path, 'blobs');
      const owned = new Set<string>();
      await mkdir(blobsDir, { recursive: true });
      for (const file of ['acknowledged.jsonl', 'published.jsonl']) await cp(join(origin, file), join(path, file));
      for (const logId of await readdir(join(origin, 'blobs'))) await symlink(join(origin, 'blobs', logId), join(blobsDir, logId));
      await copyDatabase(database, name);
      const url = new URL(database.ownerUrl);
      url.pathname = `/${name}`;
      const owner = createPool({ connectionString: url.href, max: 2, applicationName: 'drill checker test' });
      return {
        connectionString: url.href,
        blobsDir,
        acknowledgedFile: join(path, 'acknowledged.jsonl'),
        publishedFile: join(path, 'published.jsonl'),
        owner,
        async blobsOf(logId) {
          const folder = join(blobsDir, logId);
          if (!owned.has(logId)) {
            owned.add(logId);
            await unlink(folder);
            await cp(join(origin, 'blobs', logId), folder, { recursive: true });
          }
          return folder;
        },
        async drop() {
          await owner.end();
          await shutDatabase(database.ownerPool, name);
        },
      };
    },
    async drop() {
      await database.drop();
      await directory.remove();
    },
  };
}

async function copyDatabase({ name, ownerUrl }: TestDatabase, copy: string): Promise<void> {
  const url = new URL(ownerUrl);
  url.pathname = '/postgres';
  const superuser = createPool({ connectionString: url.href, max: 1, applicationName: 'drill checker test' });
  try {
    // A template may not be connected to by anyone.
    await superuser.query('select pg_terminate_backend(pid, 5000) from pg_stat_activity where datname = $1', [name]);
    await superuser.query(`create database ${copy} template ${name}`);
  } finally {
    await superuser.end();
  }
}

async function fill({ pool }: TestDatabase, directory: string): Promise<void> {
  const blobs = createDirectoryBlobStore({ path: join(directory, 'blobs') });
  const tidemark = createTidemark({ db: pool, logTypes: [sheet, bankAccount], blobs });
  const file = await createAcknowledgedFile(join(directory, 'acknowledged.jsonl'));
  const appender = createAppender(pool, file);
  const random = createRandom(1);
  const append = (logId: string, number: number, entries: readonly LogEntry[]) =>
    appender.append({ name: `${logId}-${number}`, logId, entries, expect: 'any' });

  await createLog(pool, { id: 'cells', type: sheet.type, snapshotEvery: 10 });
  await createLog(pool, { id: 'scattered', type: sheet.type });
  await createLog(pool, { id: 'account', type: bankAccount.type, snapshotEvery: 7 });
  for (let number = 0; number < 30; number += 1) {
    await append('cells', number, [cellEntryOf(random)]);
    await append('account', number, [bankEntryFor(number), bankEntryFor(number + 100)]);
    if (number % 10 === 9) await runUntilIdle(tidemark);
  }
  await createLog(pool, { id: 'archive', type: bankAccount.type });
  await append(
    'archive',
    0,
    Array.from({ length: 8 }, (_, number) => bankEntryFor(number)),
  );
  await append('archive', 1, [{ ...bankEntryFor(8), pending: 'compact' }]);
  await createLog(pool, { id: 'people', type: sheet.type });
  const person = { type: 'SetCellValueAndFormat', row: 0, column: 0, value: 'secret-1' };
  await append('people', 0, [person, { ...person, row: 1, value: 'public' }]);
  await append('people', 1, [{ ...person, row: 2, value: 'last', pending: 'compact' } as LogEntry]);
  await append('people', 2, [
    { type: 'EraseCells', ranges: [{ row: 0, column: 0, rowCount: 1, columnCount: 1 }], pending: 'erase' } as LogEntry,
  ]);
  // More tiles than a root lists by itself.
  await append(
    'scattered',
    0,
    Array.from({ length: 400 }, () => scatteredEntryOf(random)),
  );
  await append('scattered', 1, [{ ...scatteredEntryOf(random), pending: 'snapshot' }]);
  await runUntilIdle(tidemark);
  const cells = createPostgresEventLog({ pool, logId: 'cells' });
  await cells.truncate(await firstSnapshot(pool, 'cells'));
  await cells.setMetadata(await firstSnapshot(pool, 'cells'), { pending: 'snapshot' });
  await runUntilIdle(tidemark);
  await tidemark.close();
  await file.close();
}

/** Three of one key, of which the second dies, and two notes, of which one dies. */
async function publishAll({ pool, db }: TestDatabase, directory: string): Promise<void> {
  const workers = drillWorkers(pool);
  await applySubscriptions(db, workers);
  const tidemark = createTidemark({ db: pool, topics: drillTopics, workers });
  const file = await createAcknowledgedFile<PublishRecord>(join(directory, 'published.jsonl'));
  const publisher = createPublisher(pool, file);
  const task = (name: string, rest: Partial<Task> = {}): Task => ({ name, takesMs: 0, failures: 0, givesUp: false, ...rest });
  const publish = async (...publications: Publication[]) => {
    await publisher.publish(publications);
    await runUntilIdle(tidemark);
  };
  const inKey = { orderingKey: 'key' };
  await publish(
    { topic: 'drill-event', task: task('first'), options: inKey },
    { topic: 'drill-event', task: task('second', { givesUp: true }), options: inKey },
    { topic: 'drill-event', task: task('third'), options: inKey },
  );
  await publish(
    { topic: 'drill-note', task: task('quiet'), options: { dedupeKey: 'quiet' } },
    { topic: 'drill-note', task: task('buried', { givesUp: true }), options: {} },
  );
  await redriveWork(db, { workflow: 'delivery' });
  await runUntilIdle(tidemark);
  await publisher.close();
  await tidemark.close();
  await file.close();
}

/** Of each table three rows: one as it was made, one changed, one gone. What a reader and a worker would have made of it is written by hand. */
async function changeRows({ ownerPool }: TestDatabase): Promise<void> {
  for (const table of ['watched', 'stored']) {
    await ownerPool.query(`insert into drill.${table} (pad) select 'x' from generate_series(1, 3)`);
    await ownerPool.query(`update drill.${table} set v = v + 1 where id > 1`);
    await ownerPool.query(`delete from drill.${table} where id = 3`);
  }
  await ownerPool.query(`
    insert into tidemark.message (topic, data)
    select 'changes.drill.' || table_name, json_build_object('op', op, 'key', json_build_object('id', id), 'after', json_build_object('v', v))
    from drill.changed;
    insert into drill.change_handled (op, id, v) select op, id, v from drill.changed where table_name = 'watched'`);
}

async function firstSnapshot(pool: Pool, logId: string): Promise<bigint> {
  const { rows } = await pool.query('select min(sequence_id) as first from tidemark.entries where log_id = $1 and snapshot is not null', [
    logId,
  ]);
  return BigInt(rows[0].first);
}
