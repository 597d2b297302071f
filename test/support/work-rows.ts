/** Facts and units of work as plain SQL, without any worker: what tests of the state machine set up, do and look at. */
import { createLog } from '../../src/event-log/create-log.ts';
import type { Queryable } from '../../src/postgres/queryable.ts';
import { inSchema } from '../../src/postgres/queryable.ts';
import { beginWork } from '../../src/work/begin.ts';
import { type Claim, type ClaimOptions, claimWork, markStarted } from '../../src/work/claim.ts';
import { DEFAULT_CLAIM_OPTIONS } from '../../src/work/loop.ts';
import { registerWorkflows } from '../../src/work/register.ts';
import type { Unit } from '../../src/work/unit.ts';
import type { TestDatabase } from './database.ts';

export interface NewEntry {
  pending?: string;
  snapshot?: string;
  data?: unknown;
}

export interface NewUnit {
  id: string;
  workflow?: string;
  group?: string;
  key?: string;
  priority?: number;
  notBefore?: Date;
  expiresAt?: Date;
  input?: unknown;
}

export interface WorkRow {
  id: string;
  state: string;
  epoch: string;
  first_epoch: string;
  attempt: number;
  unended: number;
  fence: string | null;
  claim_token: string | null;
  lease_until: Date | null;
  position: string | null;
  burst_id: string | null;
  alone: boolean;
  execution: string | null;
  error: { code: string; message: string } | null;
  progress: unknown;
  result: unknown;
  finished_at: Date | null;
  not_before: Date;
  expires_at: Date | null;
  priority: number;
  input: unknown;
  check_after: Date | null;
}

export type WorkRows = ReturnType<typeof workRows>;

/** `queryable`: another connection than the pool's, for a transaction that stays open. */
export function workRows(database: TestDatabase, queryable: Queryable = database.pool) {
  const db = inSchema(queryable);
  const rows = {
    db,
    register: (...names: string[]) => registerWorkflows(db, names),

    async group(name: string, settings: { cap?: number; onDead?: 'free' | 'block'; paused?: boolean; keepFinished?: number } = {}) {
      await db.query(
        `insert into tidemark.work_group (name, cap, on_dead, paused, keep_finished) values ($1, $2, $3, $4, $5)
         on conflict (name) do update set cap = excluded.cap, on_dead = excluded.on_dead, paused = excluded.paused, keep_finished = excluded.keep_finished`,
        [name, settings.cap ?? null, settings.onDead ?? 'free', settings.paused ?? false, settings.keepFinished ?? 1000],
      );
      return name;
    },

    /** A unit of no log, as a publisher adds it; its group is made where it is missing. */
    async add({ id, workflow = id.slice(0, id.indexOf('/')), group = 'g', key, priority = 0, notBefore, expiresAt, input }: NewUnit) {
      await db.query('insert into tidemark.work_group (name) values ($1) on conflict do nothing', [group]);
      const added = await db.query(
        `select tidemark.add_work($1, $2, $3, $4, p_priority => $5::smallint, p_not_before => $6, p_expires_at => $7, p_input => $8) as answer`,
        [
          id,
          workflow,
          group,
          key ?? null,
          priority,
          notBefore ?? null,
          expiresAt ?? null,
          input === undefined ? null : JSON.stringify(input),
        ],
      );
      return added.rows[0].answer as 'added' | 'exists';
    },

    /** Many at once, without keys; those of two workflows became due in turns. */
    async addMany(count: number, { group = 'g', workflow = 'mail' } = {}) {
      await db.query('insert into tidemark.work_group (name) values ($1) on conflict do nothing', [group]);
      await db.query(
        `select tidemark.add_work($1 || '/' || $2 || '-' || lpad(n::text, 5, '0'), $1, $2,
           p_not_before => date_trunc('hour', now()) - interval '1 hour' + n * interval '1 millisecond')
         from generate_series(1, $3::integer) n`,
        [workflow, group, count],
      );
    },

    leasesRunOut: () =>
      db.query(`update tidemark.work set lease_until = clock_timestamp() - interval '1 millisecond' where state = 'claimed'`),

    async log(id: string, type = 'ledger', snapshotEvery?: number) {
      await createLog(db, { id, type, snapshotEvery });
      return id;
    },

    /** @returns sequence id of the first one */
    async append(logId: string, ...entries: NewEntry[]): Promise<bigint> {
      const { rows: answers } = await db.query('select * from tidemark.append_entries($1, null, $2, $3, $4, null, $5)', [
        logId,
        entries.map(() => 'Noted'),
        entries.map((entry) => JSON.stringify(entry.data ?? {})),
        entries.map((entry) => entry.snapshot ?? null),
        entries.map((entry) => entry.pending ?? null),
      ]);
      if (answers[0].status !== 'appended') {
        throw new Error(`${logId}: ${answers[0].status} ${answers[0].unknown ?? ''}`);
      }
      return BigInt(answers[0].next_sequence_id) - BigInt(entries.length);
    },

    async setPending(logId: string, sequenceId: bigint | number, pending: string | null) {
      const { rows: answers } = await db.query(
        'select status from tidemark.set_entry_metadata($1, $2, false, null, false, null, true, $3)',
        [logId, sequenceId, pending],
      );
      return answers[0].status as string;
    },

    async entry(
      logId: string,
      sequenceId: bigint | number,
    ): Promise<{ pending: string | null; snapshot: string | null; history: string | null }> {
      const { rows: found } = await db.query(
        'select pending, snapshot, history from tidemark.entries where log_id = $1 and sequence_id = $2',
        [logId, sequenceId],
      );
      return found[0];
    },

    async row(id: string): Promise<WorkRow> {
      const { rows: found } = await db.query('select * from tidemark.work where id = $1', [id]);
      return found[0];
    },

    async states(): Promise<Record<string, string>> {
      const { rows: found } = await db.query('select id, state from tidemark.work order by id');
      return Object.fromEntries(found.map(({ id, state }) => [id, state]));
    },

    async count(state: string, condition = 'true'): Promise<number> {
      const { rows: found } = await db.query(`select count(*)::integer as units from tidemark.work where state = $1 and ${condition}`, [
        state,
      ]);
      return found[0].units;
    },

    claim: (options: Partial<ClaimOptions> = {}) => claimWork(db, { ...DEFAULT_CLAIM_OPTIONS, maxOnTheirWay: 1_000, ...options }),

    async markAll(claim: Claim) {
      await markStarted(
        db,
        claim.token,
        claim.executions.map(({ execution }) => execution),
      );
    },

    /** Claimed and marked, as a starter does with it, and begun, as a worker does. */
    async begin(id: string): Promise<Unit> {
      const { state } = await rows.row(id);
      if (state === 'ready') {
        await rows.markAll(await rows.claim({ burstSize: 0, maxInFlight: 1_000 }));
      }
      const unit = await beginWork(db, id, Number((await rows.row(id)).epoch));
      if (!unit || unit === 'later') {
        throw new Error(`${id} cannot begin: ${JSON.stringify(await rows.row(id))}`);
      }
      return unit;
    },

    /** Everything gone but groups and names. */
    async clear() {
      await database.ownerPool.query(
        // Not truncate: that writes and syncs files.
        `delete from tidemark.work; delete from tidemark.open_burst; delete from tidemark.work_key; delete from tidemark.logs; delete from tidemark.work_group;
         update tidemark.sweep_counter set value = 0 where value <> 0`,
      );
    },
  };
  return rows;
}
