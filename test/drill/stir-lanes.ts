/** What the drill does to logs besides appending one entry after another: backlogs, long snapshots, truncation, pending set again. */
import { setTimeout as delay } from 'node:timers/promises';
import { SequenceRangeError } from '../../src/errors.ts';
import type { SequenceId } from '../../src/event-log/event-log.ts';
import type { AnyLogType } from '../../src/event-log/log-type.ts';
import { createPostgresEventLog } from '../../src/event-log/postgres-event-log.ts';
import { collectGarbage, type GarbageReport } from '../../src/garbage/collect-garbage.ts';
import type { Pool } from '../../src/postgres/pool.ts';
import { inTransaction } from '../../src/postgres/transaction.ts';
import { sheet } from '../../src/spreadsheet/sheet.ts';
import { bankAccount } from '../support/bank-account.ts';
import type { Appender } from './appender.ts';
import { type BlobPlace, openBlobPlace } from './blob-places.ts';
import type { Clock } from './clock.ts';
import { type DrillLog, LONG_LOG } from './drill-logs.ts';
import { SCHEMA } from './drill-settings.ts';
import { denseEntryOf } from './entries.ts';
import type { Gate } from './gate.ts';
import { unlessOut } from './outage.ts';
import type { ProcessTarget } from './process-target.ts';
import type { Random } from './random.ts';
import { countOpen } from './settle.ts';

export interface StirOptions {
  clock: Clock;
  random: Random;
  pool: Pool;
  logs: readonly DrillLog[];
  appender: Appender;
}

/** Long enough for an outage of Postgres in the middle of it. */
const LONGEST_BACKLOG_MS = 15_000;
/** A machine that cannot keep up gets no further backlog before it has worked off most of the last one, or has had a minute for it. */
const WORKED_OFF = 100;
const LONGEST_REST_MS = 60_000;

/** Every starter sleeps while every log asks for a snapshot; then all of them wake. `onRelease`: bursts are about to run. */
export async function runBacklogLane(
  options: StirOptions & { starters: readonly ProcessTarget[]; gate: Gate; everyMs: number; onRelease: () => void },
): Promise<number> {
  const { clock, random, pool, logs, appender, starters, gate, everyMs, onRelease } = options;
  const isWorkedOff = async () => {
    let open = Number.POSITIVE_INFINITY;
    await unlessOut(async () => {
      open = await countOpen(pool);
    });
    return open < WORKED_OFF;
  };
  for (let backlogs = 0; ; backlogs += 1) {
    await clock.pause(random.waitMs(everyMs));
    const until = performance.now() + LONGEST_REST_MS;
    while (performance.now() < until && !clock.isLate() && !(await isWorkedOff())) await delay(500);
    if (clock.isOver() && backlogs > 0) return backlogs;
    const reopen = gate.close();
    for (const starter of starters) starter.freeze();
    const asked = Promise.all(
      logs.map((log, index) =>
        appender.append({
          name: `backlog-${backlogs}-${index}`,
          logId: log.id,
          entries: [{ ...log.makeEntry(random), pending: 'snapshot' }],
          expect: 'any',
        }),
      ),
    );
    await Promise.race([asked, delay(LONGEST_BACKLOG_MS)]);
    for (const starter of starters) starter.thaw();
    reopen();
    onRelease();
    await asked;
  }
}

const DENSE_ENTRIES = 45;
const DENSE_ENTRIES_PER_APPEND = 15;

/** More cells at once than one chunk of a snapshot takes. `onAsked`: a long snapshot is about to run. */
export async function runLongLane(options: StirOptions & { everyMs: number; onAsked: () => void }): Promise<number> {
  const { clock, random, appender, everyMs, onAsked } = options;
  for (let asked = 0; ; asked += 1) {
    if (asked > 0) await clock.pause(random.waitMs(everyMs));
    if (clock.isOver() && asked > 0) return asked;
    for (let start = 0; start < DENSE_ENTRIES; start += DENSE_ENTRIES_PER_APPEND) {
      const entries = Array.from({ length: DENSE_ENTRIES_PER_APPEND }, () => denseEntryOf(random));
      await appender.append({ name: `long-${asked}-${start}`, logId: LONG_LOG, entries, expect: 'any' });
    }
    const last = { ...denseEntryOf(random), pending: 'snapshot' };
    await appender.append({ name: `long-${asked}-ask`, logId: LONG_LOG, entries: [last], expect: 'any' });
    onAsked();
  }
}

/** Drops what is before one of the snapshots: the newest one, or an older one. */
export async function runTruncationLane({ clock, random, pool, logs, everyMs }: StirOptions & { everyMs: number }): Promise<number> {
  // Half of the logs keep everything.
  const ids = [...logs.filter((_, index) => index % 4 < 2).map((log) => log.id), LONG_LOG];
  for (let truncations = 0; ; ) {
    await clock.pause(random.waitMs(everyMs));
    if (clock.isOver()) return truncations;
    const logId = random.pick(ids);
    await unlessOut(async () => {
      await inTransaction(pool, async (tx) => {
        // Held, so that no collection lets go of the snapshot that will stand for what goes.
        await tx.query(`select 1 from ${SCHEMA}.logs where id = $1 for update`, [logId]);
        const { rows } = await tx.query(
          `select sequence_id from ${SCHEMA}.entries where log_id = $1 and snapshot is not null order by sequence_id desc limit 3`,
          [logId],
        );
        if (rows.length === 0) return;
        await eventLog(pool, logId)
          .within(tx)
          .truncate(BigInt(random.pick(rows).sequence_id));
        truncations += 1;
      });
    });
  }
}

/** Asks again for snapshots that were taken, for some of older entries that never had one, and now and then for a compaction. */
export async function runAskAgainLane({ clock, random, pool, logs, everyMs }: StirOptions & { everyMs: number }): Promise<number> {
  for (let asked = 0; ; ) {
    await clock.pause(random.waitMs(everyMs));
    if (clock.isOver()) return asked;
    const log = random.pick(logs);
    await unlessOut(async () => {
      const { rows } = await pool.query(
        `select sequence_id from ${SCHEMA}.entries where log_id = $1 and pending is null and ($2::boolean or snapshot is not null)
         order by random() limit 1`,
        [log.id, random.chance(0.3)],
      );
      if (rows.length === 0) return;
      await unlessGone(() =>
        eventLog(pool, log.id).setMetadata(BigInt(rows[0].sequence_id) as SequenceId, {
          pending: random.chance(0.3) ? 'compact' : 'snapshot',
        }),
      );
      asked += 1;
    });
  }
}

/** A log at a time holds up nobody, and comes through before Postgres is killed again. */
const LOGS_PER_COLLECTION = 6;

/** Collects garbage without any grace period, beside all that writes blobs; Postgres dies in the middle of it. */
export async function runCollectionLane({
  clock,
  random,
  pool,
  everyMs,
  blobs,
  counts,
}: Omit<StirOptions, 'logs' | 'appender'> & { everyMs: number; blobs: BlobPlace; counts: CollectionCounts }): Promise<void> {
  for (;;) {
    await clock.pause(random.waitMs(everyMs));
    if (clock.isOver()) return;
    await unlessOut(async () => {
      // Those of which a snapshot is asked for would be left alone, and there are many; one may be asked for any moment.
      const { rows } = await pool.query(
        `select l.id from ${SCHEMA}.logs l
         where not exists (select 1 from ${SCHEMA}.work w where w.log_id = l.id and w.state in ('waiting', 'ready', 'claimed', 'started'))
         order by random() limit ${LOGS_PER_COLLECTION}`,
      );
      const { removed, missing } = await collectLogs(pool, blobs, { graceMs: 0, logs: rows.map((row) => row.id) });
      counts.collections += 1;
      counts.blobsRemoved += removed;
      counts.blobsMissing.push(...missing.names);
    });
  }
}

export interface CollectionCounts {
  collections: number;
  /** By those that came through. */
  blobsRemoved: number;
  /** Found to be missing. */
  blobsMissing: string[];
}

export function collectLogs(pool: Pool, place: BlobPlace, options: { graceMs: number; logs?: readonly string[] }): Promise<GarbageReport> {
  const logTypes = new Map<string, AnyLogType>([sheet, bankAccount].map((logType) => [logType.type, logType]));
  return collectGarbage({
    pool,
    schema: SCHEMA,
    blobs: openBlobPlace(place),
    logTypes,
    patienceMs: 100,
    ...options,
  });
}

const eventLog = (pool: Pool, logId: string) => createPostgresEventLog({ pool, logId, schema: SCHEMA });

/** Truncated by the other lane meanwhile. */
async function unlessGone(body: () => Promise<void>): Promise<void> {
  try {
    await body();
  } catch (error) {
    if (!(error instanceof SequenceRangeError)) throw error;
  }
}
