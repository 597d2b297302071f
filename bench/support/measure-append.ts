/**
 * Appending to logs over eight connections, one log each, against INSERT of the same rows: same table, indexes and trigger, same number of
 * statements. Every hundredth entry asks for a snapshot, on both sides.
 */
import { createLog } from '../../src/event-log/create-log.ts';
import type { LogEntry } from '../../src/event-log/event-log.ts';
import { createPostgresEventLog } from '../../src/event-log/postgres-event-log.ts';
import type { BenchDatabase, Environment } from './environment.ts';
import { alternate, type Figure, rateFigure, timed } from './figure.ts';
import { fillSheetLogs } from './sheet-logs.ts';

const CONNECTIONS = 8;
const ROUNDS = 15;
const WARM_UP = 2;
/** So that the tables have the size, and the server the plans, of a database in use. */
const OTHER_LOGS = 5_000;
const SNAPSHOT_EVERY = 100;

interface AppendOptions {
  name: string;
  entriesPerCall: number;
  /** Of each connection in a round. */
  calls: number;
}

export async function measureAppend(environment: Environment, { name, entriesPerCall, calls }: AppendOptions): Promise<Figure[]> {
  const database = await environment.database({ connections: CONNECTIONS });
  await Promise.all(Array.from({ length: CONNECTIONS }, () => database.pool.query('select pg_sleep(0.05)')));
  const perRound = CONNECTIONS * calls * entriesPerCall;

  const round = async (call: typeof append | typeof insert, logs: string[]) => {
    const milliseconds = await timed(() =>
      Promise.all(
        logs.map(async (logId) => {
          const add = call(database, logId);
          for (let index = 0; index < calls; index += 1) {
            const first = index * entriesPerCall;
            await add(
              first,
              Array.from({ length: entriesPerCall }, (_, offset) => entryAt(first + offset)),
            );
          }
        }),
      ),
    );
    return perRound / (milliseconds / 1_000);
  };
  const logsOf = (kind: string, number: number) => Array.from({ length: CONNECTIONS }, (_, lane) => `${kind}-${number}-${lane}`);
  for (let number = 0; number < WARM_UP + ROUNDS; number += 1) {
    for (const id of [...logsOf('value', number), ...logsOf('baseline', number)]) {
      await createLog(database.db, { id, type: 'bench' });
    }
  }
  await fillSheetLogs(database, { prefix: 'other', logs: OTHER_LOGS, entries: 10 });
  const measured = await alternate({
    rounds: ROUNDS,
    warmUp: WARM_UP,
    value: (number) => round(append, logsOf('value', number)),
    baseline: (number) => round(insert, logsOf('baseline', number)),
  });
  const note = `${CONNECTIONS} connections, ${entriesPerCall} a call; baseline: INSERT of the same rows into the same table, as a text and its values`;
  return [rateFigure({ name, unit: 'entries/s', note }, measured, 0.8)];
}

type Add = (first: number, entries: LogEntry[]) => Promise<unknown>;

function entryAt(index: number): LogEntry {
  const entry = { type: 'SetCellValueAndFormat', row: index, column: 3, value: `value ${index}` };
  return index % SNAPSHOT_EVERY === SNAPSHOT_EVERY - 1 ? { ...entry, pending: 'snapshot' } : entry;
}

function append({ pool }: BenchDatabase, logId: string): Add {
  const log = createPostgresEventLog({ pool, logId });
  return (first, entries) => {
    const [entry] = entries;
    return entry !== undefined && entries.length === 1 ? log.addEntry(entry, BigInt(first)) : log.addEntries(entries, BigInt(first));
  };
}

/** As one writes it with pg: a text and its values. */
function insert({ pool }: BenchDatabase, logId: string): Add {
  return async (first, entries) => {
    const types: string[] = [];
    const data: string[] = [];
    const pendings: (string | null)[] = [];
    for (const { type, pending, ...own } of entries) {
      types.push(type);
      data.push(JSON.stringify(own));
      pendings.push(pending ?? null);
    }
    if (entries.length === 1) {
      await pool.query(`insert into tidemark.entries (log_id, sequence_id, type, data, pending) values ($1, $2, $3, $4, $5)`, [
        logId,
        first,
        types[0],
        data[0],
        pendings[0],
      ]);
      return;
    }
    await pool.query(
      `insert into tidemark.entries (log_id, sequence_id, type, data, pending)
       select $1, $2::bigint + e.ord - 1, e.type, e.data::json, e.pending
       from unnest($3::text[], $4::text[], $5::text[]) with ordinality e (type, data, pending, ord)`,
      [logId, first, types, data, pendings],
    );
  };
}
