/** What each message asks for, whoever delivers it: select 100 entries, fold them, write a file, compare-and-set. */
import type { BlobStore } from '../../src/blob-store/blob-store.ts';
import { createDirectoryBlobStore } from '../../src/blob-store/directory-blob-store.ts';
import type { Queryable } from '../../src/postgres/queryable.ts';
import type { BenchDatabase, Environment } from './environment.ts';
import { fillSheetLogs } from './sheet-logs.ts';

const LOGS = { prefix: 'log', logs: 500, entries: 100 };

export interface Units {
  readonly database: BenchDatabase;
  /** Asks for `count` more, which are not done. @returns the id before the first of them */
  add(count: number): Promise<number>;
  /** Does one. `db` takes the compare-and-set. @throws where it was done before */
  carryOut(db: Queryable, id: number): Promise<void>;
  /** How many are not done. */
  left(): Promise<number>;
}

export async function prepareUnits(environment: Environment): Promise<Units> {
  const database = await environment.database();
  const blobs: BlobStore = createDirectoryBlobStore({ path: await environment.folder() });
  const folders = await Promise.all(Array.from({ length: 64 }, async (_, number) => (await blobs.getRootDir()).getDir(`folder-${number}`)));
  await fillSheetLogs(database, LOGS);
  await database.owner.query(`
    create table public.unit (id bigint generated always as identity primary key, pending boolean not null default true, file text)
      with (fillfactor = 70);
    create index unit_pending on public.unit (id) where pending;
    grant all on public.unit to public`);
  let last = 0;
  return {
    database,
    async add(count) {
      const before = last;
      await database.owner.query('insert into public.unit (file) select null from generate_series(1, $1::integer)', [count]);
      last += count;
      return before;
    },
    async carryOut(db, id) {
      const { rows } = await database.pool.query({
        name: 'entries',
        text: 'select data from tidemark.entries where log_id = $1 and sequence_id < 100 order by sequence_id',
        values: [`log-${id % LOGS.logs}`],
      });
      const state = new Map<string, number>();
      for (const { data } of rows) {
        state.set(`${data.row}:${data.column}`, data.value);
      }
      const file = `${id}.json`;
      await folders[id % folders.length]?.writeBlob(file, Buffer.from(JSON.stringify([...state])));
      const set = await db.query('update public.unit set file = $2, pending = false where id = $1 and pending returning true', [id, file]);
      if (set.rows.length !== 1) {
        throw new Error(`Unit ${id} was done before.`);
      }
    },
    async left() {
      const { rows } = await database.owner.query('select count(*) as left from public.unit where pending');
      return Number(rows[0].left);
    },
  };
}
