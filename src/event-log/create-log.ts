import { InvalidInputError } from '../errors.ts';
import { type Database, DEFAULT_SCHEMA, inSchema, type Queryable } from '../postgres/queryable.ts';
import { checkLogId } from './names.ts';

export interface CreateLogOptions {
  id: string;
  /** Name of its log type. */
  type: string;
  typeVersion?: number;
  settings?: Record<string, unknown>;
  /** Entries after which a snapshot is asked for; absent: never by policy. */
  snapshotEvery?: number;
  schema?: string;
}

/**
 * Creates a log, in the caller's transaction where `queryable` is one.
 * @returns false where a log with this id and type exists already
 * @throws InvalidInputError for a bad name, or where the id belongs to a log of another type
 */
export async function createLog(queryable: Queryable | Database, options: CreateLogOptions): Promise<boolean> {
  const { id, type, typeVersion = 1, settings = {}, snapshotEvery } = options;
  const db = 'schema' in queryable ? queryable : inSchema(queryable, options.schema ?? DEFAULT_SCHEMA);
  checkLogId(id);
  checkLogId(type);
  const inserted = await db.query(
    `insert into ${db.schema}.logs (id, type, type_version, settings, snapshot_every)
     values ($1::text, $2::text, $3::integer, $4::jsonb, $5::integer) on conflict (id) do nothing returning id`,
    [id, type, typeVersion, JSON.stringify(settings), snapshotEvery ?? null],
  );
  if (inserted.rows.length > 0) {
    return true;
  }
  const existing = await db.query(`select type from ${db.schema}.logs where id = $1::text`, [id]);
  if (existing.rows[0] && existing.rows[0].type !== type) {
    throw new InvalidInputError(`Log '${id}' exists already and is of type '${existing.rows[0].type}', not '${type}'. Use another id.`);
  }
  return false;
}
