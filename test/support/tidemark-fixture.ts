/**
 * A database with the scripted application, and workers and starters over it, in this process or in ones of their own; all of it
 * ends with `close`.
 */
import { join } from 'node:path';
import type { BlobStore } from '../../src/blob-store/blob-store.ts';
import { createDirectoryBlobStore } from '../../src/blob-store/directory-blob-store.ts';
import type { OnDead } from '../../src/jobs/on-dead.ts';
import { inTransaction } from '../../src/postgres/transaction.ts';
import { connectClient } from '../../src/temporal/connection.ts';
import { installRuntime } from '../../src/temporal/runtime.ts';
import { type RunningWorker, startWorker } from '../../src/temporal/start-worker.ts';
import { sweepCounters } from '../../src/work/sweep.ts';
import { createTestDatabase, type TestDatabase } from './database.ts';
import { type LoadRecord, recordLoad } from './load-record.ts';
import { SCRIPT_TABLES, type Script, scriptedRegistry } from './scripted-app.ts';
import { createTestDirectory, temporalAddress, workflowBundle } from './servers.ts';
import { until } from './until.ts';
import { type WorkRows, workRows } from './work-rows.ts';
import { type ChildSettings, startWorkerProcess, superviseWorkerProcesses, type WorkerProcess } from './worker-process.ts';

export type StarterSettings = Exclude<ChildSettings['starter'], false>;

export interface Run {
  unit: string;
  attempt: number;
  pid: number;
  at: Date;
}

export interface TidemarkFixture {
  readonly database: TestDatabase;
  readonly work: WorkRows;
  readonly load: LoadRecord;
  readonly blobsPath: string;
  /** A log of its own for each unit, so that they run side by side. @returns ids of the units */
  ask(scripts: readonly Script[], options?: { workflow?: string; prefix?: string; group?: string }): Promise<string[]>;
  openGate(name: string): Promise<void>;
  shutGate(name: string): Promise<void>;
  /** Every beginning of a handler, in order; of one unit (its work id). */
  runs(id?: string): Promise<Run[]>;
  /** Done when so many runs of the unit have begun. @returns the last one */
  untilRuns(id: string, count: number, deadlineMs?: number): Promise<Run>;
  /** Done when every unit is in one of these states. */
  untilAll(states: string[], deadlineMs?: number): Promise<void>;
  untilState(id: string, state: string, deadlineMs?: number): Promise<void>;
  /** Done when every run of the unit in that process got through its gate. */
  untilPassed(id: string, pid: number): Promise<void>;
  /** Each unit took effect once and ended once per epoch; every pending entry of a done unit is cleared. */
  expectExactlyOnce(ids: readonly string[]): Promise<void>;
  counters(): Promise<Record<string, number>>;
  executionOf(id: string): Promise<string>;
  /** In this process. */
  worker(options?: {
    starter?: false | StarterSettings;
    address?: string;
    blobs?: BlobStore;
    warn?: (message: string) => void;
    onDead?: OnDead;
  }): Promise<RunningWorker>;
  workerProcess(options?: {
    starter?: false | StarterSettings;
    address?: string;
    environment?: Record<string, string>;
  }): Promise<WorkerProcess>;
  starterProcess(starter?: StarterSettings, address?: string): Promise<WorkerProcess>;
  supervise(count: number, starter?: false | StarterSettings): Promise<{ starts(): number; stop(): Promise<void> }>;
  client(address?: string): ReturnType<typeof connectClient>;
  close(): Promise<void>;
}

// The SDK's own news would drown the test's.
installRuntime({ verbose: false, log: () => {} });

export async function createTidemarkFixture(): Promise<TidemarkFixture> {
  const directory = await createTestDirectory();
  const database = await createTestDatabase({ poolSize: 40 });
  await database.ownerPool.query(SCRIPT_TABLES);
  const load = await recordLoad(database);
  const work = workRows(database);
  const registry = scriptedRegistry(database.pool, false);
  await work.register(...registry.entryWork.keys());
  const blobsPath = join(directory.path, 'blobs');
  const endings: (() => Promise<void>)[] = [];
  const ending = <T>(value: T, end: (value: T) => Promise<void>): T => {
    endings.unshift(() => end(value));
    return value;
  };
  const childSettings = (kind: ChildSettings['kind'], starter: ChildSettings['starter'], address = temporalAddress()): ChildSettings => ({
    kind,
    databaseUrl: database.appUrl,
    temporalAddress: address,
    blobsPath,
    workflowBundlePath: workflowBundle().codePath,
    starter,
  });
  let logs = 0;

  const fixture: TidemarkFixture = {
    database,
    work,
    load,
    blobsPath,

    /** In one transaction, so that they become ready together. */
    async ask(scripts, { workflow = 'step', prefix = 'l', group = 'ledger' } = {}) {
      const ids = scripts.map(() => `${prefix}-${String(++logs).padStart(4, '0')}`);
      // In two statements: a row trigger of the second one reads what the first has made.
      await inTransaction(database.pool, async (client) => {
        await client.query('insert into tidemark.logs (id, type, next_sequence_id) select unnest($1::text[]), $2, 1', [ids, group]);
        await client.query(
          `insert into tidemark.entries (log_id, sequence_id, type, data, pending)
           select s.id, 0, 'Step', s.data::json, $3 from unnest($1::text[], $2::text[]) s (id, data) order by s.id`,
          [ids, scripts.map((script) => JSON.stringify(script)), workflow],
        );
      });
      return ids.map((id) => `${workflow}/${id}/0`);
    },

    openGate: async (name) => void (await database.pool.query('insert into public.gate values ($1) on conflict do nothing', [name])),
    shutGate: async (name) => void (await database.pool.query('delete from public.gate where name = $1', [name])),

    async runs(id) {
      const { rows } = await database.pool.query(
        `select unit, attempt, pid, at from public.run where $1::text is null or unit = substring($1 from position('/' in $1) + 1) order by number`,
        [id ?? null],
      );
      return rows;
    },

    async untilRuns(id, count, deadlineMs = 30_000) {
      const runs = await until(
        `${id} has begun ${count} times`,
        async () => {
          const begun = await fixture.runs(id);
          return begun.length >= count ? begun : undefined;
        },
        deadlineMs,
      );
      return runs[count - 1] as Run;
    },

    async untilAll(states, deadlineMs = 60_000) {
      await until(
        `every unit is ${states.join(' or ')}`,
        async () => Object.values(await work.states()).every((state) => states.includes(state)),
        deadlineMs,
      ).catch(async (error) => {
        const { rows } = await database.pool.query(
          `select id, state, attempt, unended, epoch, execution, burst_id, error from tidemark.work where state <> all ($1) limit 20`,
          [states],
        );
        throw new Error(`${error.message}: ${JSON.stringify(rows)}`);
      });
    },

    async untilState(id, state, deadlineMs = 30_000) {
      await until(`${id} is ${state}`, async () => (await work.row(id))?.state === state, deadlineMs).catch(async (error) => {
        throw new Error(`${error.message}: ${JSON.stringify(await work.row(id))}`);
      });
    },

    async untilPassed(id, pid) {
      await until(`${id} got through in ${pid}`, async () => {
        const { rows } = await database.pool.query(
          `select (select count(*) from public.passed where unit = $1 and pid = $2) = (select count(*) from public.run where unit = $1 and pid = $2) as passed`,
          [id.slice(id.indexOf('/') + 1), pid],
        );
        return rows[0].passed;
      });
    },

    async expectExactlyOnce(ids) {
      const units = ids.map((id) => id.slice(id.indexOf('/') + 1));
      const { rows } = await database.pool.query(
        `select u.unit,
           (select count(*)::integer from public.effect f where f.unit = u.unit) as effects,
           (select count(*)::integer from tidemark.entries e where e.log_id || '/' || e.sequence_id = u.unit and e.pending is not null) as pending,
           (select state from tidemark.work w where w.id = u.id) as state,
           (select count(*)::integer from (select epoch from public.ended d where d.unit = u.id group by epoch having count(*) > 1) twice) as twice
         from unnest($1::text[], $2::text[]) u (id, unit)`,
        [ids, units],
      );
      const wrong = rows.filter(({ effects, pending, state, twice }) => effects !== 1 || pending !== 0 || state !== 'done' || twice !== 0);
      if (wrong.length > 0) {
        throw new Error(`${wrong.length} of ${ids.length} units did not take effect exactly once: ${JSON.stringify(wrong.slice(0, 10))}`);
      }
    },

    counters: () => sweepCounters(work.db),
    executionOf: async (id) => (await work.row(id)).execution as string,

    worker: async ({
      starter = {},
      address = temporalAddress(),
      blobs = createDirectoryBlobStore({ path: blobsPath }),
      warn = () => {},
      onDead,
    } = {}) =>
      ending(
        await startWorker({
          registry,
          pool: database.pool,
          schema: 'tidemark',
          blobs,
          temporal: { address, namespace: 'default' },
          starter,
          workflowBundle: workflowBundle(),
          warn,
          onDead,
        }),
        (worker) => worker.stop(),
      ),
    workerProcess: async ({ starter = {}, address, environment } = {}) =>
      ending(await startWorkerProcess({ ...childSettings('worker', starter, address), environment }), (child) => child.kill()),
    starterProcess: async (starter = {}, address) =>
      ending(await startWorkerProcess(childSettings('starter', starter, address)), (child) => child.kill()),
    supervise: async (count, starter = {}) =>
      ending(await superviseWorkerProcesses(childSettings('worker', starter), count), (lanes) => lanes.stop()),
    client: async (address = temporalAddress()) =>
      ending(await connectClient({ address, namespace: 'default' }), (client) => client.connection.close()),

    async close() {
      for (const end of endings) await end();
      await database.drop();
      await directory.remove();
    },
  };

  return fixture;
}
