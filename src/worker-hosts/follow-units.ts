/**
 * Follows the units of posted messages by their rows and reports what becomes of them: progress as it changes, one end each.
 * One statement a look for all of them, none while there is nothing to follow. Without Postgres it looks again: nothing is missed,
 * because the row keeps the outcome, and where the row was pruned the entry's `pending` tells.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { InvalidInputError, TidemarkError } from '../errors.ts';
import type { Database } from '../postgres/queryable.ts';
import type { PendingWorkflowMessage, WorkerReport } from './worker-host.ts';

export interface UnitFollower {
  follow(message: PendingWorkflowMessage): void;
  /** Idempotent. */
  stop(): Promise<void>;
}

interface Followed {
  message: PendingWorkflowMessage;
  /** Progress as last reported, to report each once. */
  reported: string | undefined;
}

export interface FollowOptions {
  db: Database;
  pollMs: number;
  onReport: (report: WorkerReport) => void;
}

export function followUnits({ db, pollMs, onReport }: FollowOptions): UnitFollower {
  const followed = new Map<string, Followed>();
  const stopped = new AbortController();
  let looking: Promise<void> | undefined;

  async function look(): Promise<void> {
    const rows = await readUnits(db, [...followed.values()]).catch(() => []);
    for (const row of rows) {
      const unit = followed.get(row.id);
      const report = unit && reportOf(unit, row);
      if (report && report.type !== 'progress') {
        followed.delete(row.id);
      }
      if (report) {
        onReport(report);
      }
    }
  }

  async function run(): Promise<void> {
    while (followed.size > 0 && !stopped.signal.aborted) {
      await look();
      await delay(pollMs, undefined, { signal: stopped.signal, ref: false }).catch(() => {});
    }
    looking = undefined;
  }

  return {
    follow(message) {
      const id = `${message.workflow}/${message.logId}/${message.sequenceId}`;
      if (!followed.has(id)) {
        followed.set(id, { message, reported: undefined });
      }
      looking ??= run();
    },
    async stop() {
      stopped.abort();
      await looking;
    },
  };
}

interface UnitRow {
  id: string;
  /** null: there is no row. */
  state: string | null;
  progress: unknown;
  error: { code: string; message: string } | null;
  pending: boolean;
  /** Of an entry that the log does not have yet. */
  early: boolean;
}

async function readUnits(db: Database, units: readonly Followed[]): Promise<UnitRow[]> {
  const { rows } = await db.query(
    `select m.workflow || '/' || m.log_id || '/' || m.sequence_id as id, w.state, w.progress, w.error,
       exists (
         select 1 from ${db.schema}.entries e
         where e.log_id = m.log_id and e.sequence_id = m.sequence_id and e.pending = m.workflow) as pending,
       not exists (select 1 from ${db.schema}.logs l where l.id = m.log_id and l.next_sequence_id > m.sequence_id) as early
     from unnest($1::text[], $2::text[], $3::bigint[]) m (workflow, log_id, sequence_id)
     left join ${db.schema}.work w on w.id = m.workflow || '/' || m.log_id || '/' || m.sequence_id`,
    [
      units.map(({ message }) => message.workflow),
      units.map(({ message }) => message.logId),
      units.map(({ message }) => message.sequenceId.toString()),
    ],
  );
  return rows;
}

function reportOf(unit: Followed, { id, state, progress, error, pending, early }: UnitRow): WorkerReport | undefined {
  const { workflow, logId, sequenceId } = unit.message;
  if (early) {
    const refusal = new InvalidInputError(
      `There is no entry ${sequenceId} of log '${logId}' yet. Post a message after its entry is committed.`,
    );
    return { type: 'error', workflow, sequenceId, error: refusal };
  }
  if (state === 'dead' || state === 'cancelled' || state === 'expired') {
    const code = error?.code ?? `work_${state}`;
    return { type: 'error', workflow, sequenceId, error: new TidemarkError(code, error?.message ?? `${id} is ${state}.`) };
  }
  if (!pending) {
    return { type: 'done', workflow, sequenceId };
  }
  const text = JSON.stringify(progress);
  if (progress === null || text === unit.reported) {
    return undefined;
  }
  unit.reported = text;
  return { type: 'progress', workflow, sequenceId, ...describeProgress(progress) };
}

/** A handler's own `{ fraction, message }` or number from 0 to 1; a snapshot's `{ entries, total }`. Anything else says that it goes on. */
function describeProgress(progress: unknown): { fraction: number; message?: string } {
  if (typeof progress === 'number') {
    return { fraction: clamp(progress) };
  }
  const { fraction, message, entries, total } = progress as Partial<Record<'fraction' | 'message' | 'entries' | 'total', unknown>>;
  const part =
    typeof fraction === 'number' ? fraction : typeof entries === 'number' && typeof total === 'number' && total > 0 ? entries / total : 0;
  return { fraction: clamp(part), ...(typeof message === 'string' ? { message } : {}) };
}

const clamp = (fraction: number): number => (fraction >= 0 ? Math.min(fraction, 1) : 0);
