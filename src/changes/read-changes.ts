/**
 * The reader of an application's changes: checks what has to be, opens the slot, copies what is to be copied, and follows the slot until it is told to stop.
 *
 * Of several readers one has the slot; the others look twice a second and take over. A connection that breaks, a server that restarts and another reader that has
 * taken over are met by beginning again, at growing intervals. What only a person can mend ends it: a table without a key, a role without a right, a lost slot.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { errorMessage, FencedError, SetupError, TidemarkError } from '../errors.ts';
import { type Lsn, parseLsn } from '../postgres/lsn.ts';
import type { Pool } from '../postgres/pool.ts';
import { type Database, inSchema } from '../postgres/queryable.ts';
import { connectReplication, type ReplicationConnection } from '../postgres/replication.ts';
import { classifyError } from '../work/classify-error.ts';
import { type ChangeTable, changeTables, tableKey } from './change-tables.ts';
import { copyTable } from './copy-table.ts';
import { type FollowSlotOptions, followSlot } from './follow-slot.ts';
import type { AnyChange } from './on-change.ts';
import { openSlot } from './open-slot.ts';
import { planChanges } from './plan-changes.ts';

export interface ReadChangesOptions extends Partial<Pick<FollowSlotOptions, 'heartbeatMs' | 'afterStore' | 'pageChanges' | 'pageBytes'>> {
  pool: Pool;
  /** A direct connection, of a role with REPLICATION. */
  connectionString: string;
  /** Name of the schema, unquoted. */
  schema: string;
  changes: readonly AnyChange[];
  /** A lost slot is made anew, and its gap written down, instead of ending the reader. */
  recover?: boolean;
  signal: AbortSignal;
  log?: (level: 'info' | 'warn' | 'error', message: string) => void;
  /** It has the slot, or has it no more. */
  onReading?: (reading: boolean) => void;
}

const LOOK_MS = 500;
const MAX_PAUSE_MS = 10_000;
/** After so long a failure counts as the first one. */
const STEADY_MS = 30_000;

/** Until the signal. @throws SetupError or SlotLostError, where a person has to do something */
export async function readChanges(options: ReadChangesOptions): Promise<void> {
  const { signal, log = () => {}, onReading = () => {} } = options;
  for (let failures = 0; !signal.aborted; ) {
    const startedAt = performance.now();
    try {
      await readOnce(options);
    } catch (error) {
      if (signal.aborted) return;
      if (!isPassing(error)) throw error;
      failures = performance.now() - startedAt > STEADY_MS ? 1 : failures + 1;
      log('warn', `reading has stopped, beginning again: ${errorMessage(error)}`);
    } finally {
      onReading(false);
    }
    await delay(Math.min(100 * 2 ** failures, MAX_PAUSE_MS), undefined, { signal }).catch(() => {});
  }
}

/** 55006 too: another reader was faster; and 55000: what is wrong with the slot is said when it is opened again. */
function isPassing(error: unknown): boolean {
  if (error instanceof TidemarkError) return error instanceof FencedError || error.retryable;
  return classifyError(error) === 'infrastructure';
}

async function readOnce(options: ReadChangesOptions): Promise<void> {
  const { pool, connectionString, schema, changes, recover = false, signal, log = () => {}, onReading = () => {} } = options;
  const db = inSchema(pool, schema);
  const { publication: slot, keys } = await checkChanges(db, changes);
  const connect = () => connectAsReader(connectionString);
  const connection = await connect();
  try {
    let checkpoint = await waitForSlot(db, connection, slot, { recover, signal, log });
    if (checkpoint === undefined) return;
    const tables = changeTables(changes);
    for (const table of tables.values()) {
      if (!table.snapshot) continue;
      const keyColumns = keys.get(tableKey(table.schema, table.table)) ?? [];
      const count = await copyTable({ connect, pool, schema, slot, table, keyColumns, signal });
      if (count !== undefined) log('info', `copied ${count} rows of ${table.schema}.${table.table}`);
    }
    // Copying takes its time, and another reader may have gone on meanwhile.
    checkpoint = await waitForSlot(db, connection, slot, { recover, signal, log });
    if (checkpoint === undefined) return;
    const since = await copiedSince(db, slot);
    log('info', `reading slot ${slot}: ${describeTables(tables)}`);
    onReading(true);
    await followSlot({ ...options, connection, slot, publication: slot, tables, keys, since, checkpoint });
  } finally {
    await connection.close();
  }
}

async function connectAsReader(connectionString: string): Promise<ReplicationConnection> {
  try {
    return await connectReplication(connectionString);
  } catch (error) {
    if ((error as { code?: string }).code !== '42501' && !/replication/.test(errorMessage(error))) throw error;
    throw new SetupError(`This role may not read the write-ahead log (${errorMessage(error)}). As a superuser: alter role … replication;`);
  }
}

/** @throws SetupError with everything that is missing, and how to make it */
async function checkChanges(db: Database, changes: readonly AnyChange[]) {
  const plan = await planChanges(db, changes);
  const { problems, statements, missingSubscriptions } = plan;
  const missing = [
    ...problems,
    ...(statements.length > 0 ? [`'tidemark cdc apply', as the owner of the tables, has to run: ${statements.join(' ')}`] : []),
    ...(missingSubscriptions.length > 0
      ? [`The database does not know ${missingSubscriptions.join(', ')} yet: run 'tidemark subscriptions apply'.`]
      : []),
  ];
  if (missing.length > 0) {
    throw new SetupError(`The changes cannot be read yet. ${missing.join(' ')}`);
  }
  return plan;
}

/** @returns the checkpoint when no other reader has the slot; undefined for the signal */
async function waitForSlot(
  db: Database,
  connection: ReplicationConnection,
  slot: string,
  { recover, signal, log }: { recover: boolean; signal: AbortSignal; log: NonNullable<ReadChangesOptions['log']> },
): Promise<Lsn | undefined> {
  for (let told = false; !signal.aborted; ) {
    const { checkpoint, isActive, gap } = await openSlot(db, connection, slot, { recover });
    if (gap) {
      log('error', `changes of ${slot} committed between ${gap.from} and ${gap.to} were not read and may be missing (table change_gap)`);
    }
    if (!isActive) return checkpoint;
    if (!told) log('info', `another reader has slot ${slot}: waiting to take over`);
    told = true;
    await delay(LOOK_MS, undefined, { signal }).catch(() => {});
  }
  return undefined;
}

async function copiedSince(db: Database, slot: string): Promise<Map<string, Lsn>> {
  const { rows } = await db.query(`select schema_name, table_name, since::text from ${db.schema}.change_table where slot = $1`, [slot]);
  return new Map(rows.map((row) => [tableKey(row.schema_name, row.table_name), parseLsn(row.since)]));
}

function describeTables(tables: ReadonlyMap<string, ChangeTable>): string {
  return [...tables.values()].map(({ schema, table, ops }) => `${schema}.${table} (${[...ops].join(', ')})`).join(', ');
}
