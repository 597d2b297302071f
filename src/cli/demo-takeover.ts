/** Asks for a snapshot, kills the worker that takes it, and watches who goes on and when. */

import { setTimeout as delay } from 'node:timers/promises';
import type { Connection } from '@temporalio/client';
import { TidemarkError } from '../errors.ts';
import type { SequenceId } from '../event-log/event-log.ts';
import { createPostgresEventLog } from '../event-log/postgres-event-log.ts';
import { notify } from '../postgres/listen.ts';
import { connectClient } from '../temporal/connection.ts';
import { runnerIdentity } from '../temporal/runner-identity.ts';
import type { DoorProcess } from './door-process.ts';
import { openNamedSheet } from './open-named-sheet.ts';
import { formatCount } from './print.ts';
import type { Screen } from './screen.ts';
import type { DatabaseContext } from './with-database.ts';

export interface TakeoverOptions {
  context: DatabaseContext;
  workers: readonly DoorProcess[];
  sheet: string;
  /** Its snapshot is asked for. */
  sequenceId: SequenceId;
  /** That the entries before it hold, with those of its own. */
  cells: number;
  screen: Screen;
}

export interface Takeover {
  workId: string;
  execution: string;
  /** Process ids; of the second one, undefined where Temporal does not say. */
  killed: number;
  takenOverBy: number | undefined;
  /** From the kill to the unit begun again, and to its end. */
  begunAgainSeconds: number;
  finishedSeconds: number;
  attempts: number;
}

interface UnitRow {
  state: string;
  attempt: number;
  execution: string | null;
  error: { message: string } | null;
}

const DEADLINE_MS = 60_000;
const LOOK_EVERY_MS = 10;
/** Into the snapshot, before the kill. */
const HEAD_START_MS = 150;

export async function watchTakeover({ context, workers, sheet, sequenceId, cells, screen }: TakeoverOptions): Promise<Takeover> {
  const { pool, db, targets } = context;
  const workId = `snapshot/${sheet}/${sequenceId}`;
  const look = async (): Promise<UnitRow | undefined> => {
    const { rows } = await db.query(`select state, attempt, execution, error from ${db.schema}.work where id = $1::text`, [workId]);
    return rows[0];
  };
  const client = await connectClient(targets.temporal);
  try {
    await createPostgresEventLog({ pool, logId: sheet, schema: targets.schema }).setMetadata(sequenceId, { pending: 'snapshot' });
    await notify(pool, 'work', targets.schema);
    const begun = await until(look, (unit) => unit.attempt > 0 && unit.execution !== null);
    const execution = begun.execution as string;
    const victim = workerOf(await runnerIdentity(client, execution), workers);
    await delay(HEAD_START_MS);
    if (victim === undefined || (await look())?.state !== 'started') {
      throw new TidemarkError(
        'demo_failed',
        'The snapshot was finished before a worker could be killed in it. Ask for a larger one: --entries 10000.',
      );
    }
    await victim.kill();
    const killedAt = performance.now();
    const seconds = () => Math.round((performance.now() - killedAt) / 10) / 100;
    screen.done(`Worker ${victim.pid} is in the middle of ${workId}: killed (SIGKILL)`);

    const activity = screen.begin('Waiting for the other worker');
    await until(look, (unit) => unit.attempt > 1 || unit.state !== 'started');
    const begunAgainSeconds = seconds();
    activity.done(`After ${begunAgainSeconds.toFixed(2)} s the other worker began it again`);
    const ended = await until(look, ({ state }) => state === 'done' || state === 'dead');
    const finishedSeconds = seconds();
    if (ended.state === 'dead') {
      throw new TidemarkError('demo_failed', `${workId} is dead: ${ended.error?.message}`);
    }
    await checkSnapshot(context, sheet, sequenceId, cells);
    // Who runs a task that is tried again stands in the history only when it has ended, a little after the unit.
    await client.workflow.getHandle(execution).result();
    const takenOverBy = workerOf(await runnerIdentity(client, execution), workers);
    const by = takenOverBy ? `, by worker ${takenOverBy.pid}` : '';
    screen.done(`After ${finishedSeconds.toFixed(2)} s the snapshot is there${by}, once, with all ${formatCount(cells)} cells`);
    return {
      workId,
      execution,
      killed: victim.pid,
      takenOverBy: takenOverBy?.pid,
      begunAgainSeconds,
      finishedSeconds,
      attempts: ended.attempt,
    };
  } finally {
    await (client.connection as Connection).close();
  }
}

/** An identity is `pid@host`. */
function workerOf(identity: string | undefined, workers: readonly DoorProcess[]): DoorProcess | undefined {
  return workers.find(({ pid }) => identity?.startsWith(`${pid}@`));
}

async function until(look: () => Promise<UnitRow | undefined>, isReached: (unit: UnitRow) => boolean): Promise<UnitRow> {
  const deadline = performance.now() + DEADLINE_MS;
  for (;;) {
    const unit = await look();
    if (unit && isReached(unit)) {
      return unit;
    }
    if (performance.now() > deadline) {
      throw new TidemarkError(
        'demo_failed',
        `Nothing happened for a minute: the unit is ${unit ? `${unit.state}, attempt ${unit.attempt}` : 'not there'}.`,
      );
    }
    await delay(LOOK_EVERY_MS);
  }
}

async function checkSnapshot(context: DatabaseContext, name: string, sequenceId: SequenceId, cells: number): Promise<void> {
  const { db } = context;
  const { rows } = await db.query(
    `select snapshot, pending from ${db.schema}.entries where log_id = $1::text and sequence_id = $2::bigint`,
    [name, sequenceId.toString()],
  );
  const { cellCount } = await (await openNamedSheet(context, name)).counts();
  if (rows[0].pending !== null || rows[0].snapshot === null || cellCount !== cells) {
    throw new TidemarkError(
      'demo_failed',
      `The snapshot is not what it should be: pending ${rows[0].pending}, snapshot ${rows[0].snapshot}, ${cellCount} of ${cells} cells.`,
    );
  }
}
