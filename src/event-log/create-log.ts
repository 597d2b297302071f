import { InvalidInputError } from '../errors.ts';
import { DEFAULT_SCHEMA, inSchema, type Queryable } from '../postgres/queryable.ts';
import { checkLogId } from './check-names.ts';
import type { AnyLogType } from './log-type.ts';
import { checkRetention } from './retention-settings.ts';

export interface CreateLogOptions {
  /** `[a-z0-9][a-z0-9._-]{0,99}` */
  id: string;
  /** Name of its log type. */
  type: string;
  /** Default 1. */
  typeVersion?: number;
  /** Kept as JSON, for the application. */
  settings?: Record<string, unknown>;
  /** Entries between two snapshots by policy; absent: none by policy. */
  snapshotEvery?: number | undefined;
  /** Entries held at which a snapshot by policy becomes a compaction; needs snapshotEvery; absent: none by policy. */
  compactEvery?: number | undefined;
  /** How many of its newest snapshots it keeps; absent: 10. */
  keepSnapshots?: number | undefined;
  /** For how many days, today included, it keeps the last snapshot of each day; absent: 30. */
  keepDays?: number | undefined;
  schema?: string;
}

/** Makes an empty log with what its log type says. @returns and throws as createLog */
export function createLogOfType(
  tx: Queryable,
  { type, version, snapshotEvery, compactEvery, keepSnapshots, keepDays }: AnyLogType,
  { id, schema }: { id: string; schema: string },
): Promise<'created' | 'exists'> {
  return createLog(tx, { id, type, typeVersion: version, snapshotEvery, compactEvery, keepSnapshots, keepDays, schema });
}

/**
 * Makes an empty log. One that is there already, of the same type, stays as it is.
 * @returns whether it was made
 * @throws InvalidInputError also for a log of that id and another type
 */
export async function createLog(tx: Queryable, options: CreateLogOptions): Promise<'created' | 'exists'> {
  const { id, type, typeVersion = 1, settings = {}, schema = DEFAULT_SCHEMA } = options;
  const { snapshotEvery, compactEvery, keepSnapshots, keepDays } = options;
  checkLogId(id);
  checkLogId(type);
  for (const [name, value] of Object.entries({ typeVersion, snapshotEvery, compactEvery })) {
    if (value !== undefined && (!Number.isInteger(value) || value < 1 || value > 2 ** 31 - 1)) {
      throw new InvalidInputError(`${name} ${value} of log '${id}' cannot be used: give a whole number from 1.`);
    }
  }
  if (compactEvery !== undefined && snapshotEvery === undefined) {
    throw new InvalidInputError(
      `compactEvery ${compactEvery} of log '${id}' cannot be used without snapshotEvery: a log is compacted where a snapshot is due. Give both.`,
    );
  }
  checkRetention(`log '${id}'`, { keepSnapshots, keepDays });
  const db = inSchema(tx, schema);
  const inserted = await db.query(
    `insert into ${db.schema}.logs (id, type, type_version, settings, snapshot_every, compact_every, keep_snapshots, keep_days)
     values ($1::text, $2::text, $3::integer, $4::jsonb, $5::integer, $6::integer, $7::integer, $8::integer)
     on conflict (id) do nothing
     returning id`,
    [id, type, typeVersion, JSON.stringify(settings), snapshotEvery ?? null, compactEvery ?? null, keepSnapshots ?? null, keepDays ?? null],
  );
  if (inserted.rows.length > 0) {
    return 'created';
  }
  const { rows } = await db.query(`select type from ${db.schema}.logs where id = $1::text`, [id]);
  if (rows[0] && rows[0].type !== type) {
    throw new InvalidInputError(`Log '${id}' is of type '${rows[0].type}', not '${type}'. Choose another id.`);
  }
  return 'exists';
}
