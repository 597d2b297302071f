/**
 * What has to be so that the changes of an application can be read: a publication of its tables, with the ops and columns that are wanted, and replica
 * identities that say what they are to say. Compared with what is, and brought about by an owner of the tables.
 */
import { SetupError } from '../errors.ts';
import type { Database, Queryable } from '../postgres/queryable.ts';
import { quoteIdentifier } from '../postgres/replication.ts';
import { type ChangeTable, changeTables } from './change-tables.ts';
import type { AnyChange, ChangeKind } from './on-change.ts';
import { changeSlotName } from './slot-names.ts';

export interface ChangesPlan {
  publication: string;
  /** What no statement here mends: each says what to do. */
  problems: string[];
  /** To be run in this order, by an owner of the tables. */
  statements: string[];
  /** Change subscriptions that the database does not know. */
  missingSubscriptions: string[];
  /** The columns that tell a table's rows apart, by table as `tableKey` writes it. */
  keys: Map<string, readonly string[]>;
}

interface PresentTable {
  schema: string;
  table: string;
  kind: string;
  persistence: string;
  identity: 'd' | 'n' | 'f' | 'i';
  columns: string[];
  key: string[];
  /** Of its replica identity where it is an index. */
  index_key: string[];
  partitions: string[];
  published: boolean;
  published_columns: string[] | null;
}

const KINDS: readonly ChangeKind[] = ['insert', 'update', 'delete', 'truncate'];

export async function planChanges(db: Database, changes: readonly AnyChange[]): Promise<ChangesPlan> {
  const publication = await changeSlotName(db);
  const tables = changeTables(changes);
  const ops = KINDS.filter((kind) => [...tables.values()].some((table) => table.ops.has(kind)));
  const present = await presentTables(db, publication, [...tables.values()]);
  const plan: ChangesPlan = { publication, problems: [], statements: [], missingSubscriptions: [], keys: new Map() };
  const { rows } = await db.query(`select current_setting('wal_level') as wal_level`);
  if (rows[0].wal_level !== 'logical') {
    plan.problems.push(`wal_level is ${rows[0].wal_level}. Set wal_level = logical and restart Postgres.`);
  }
  const parts: { name: string; columns: string[] | null; isSame: boolean }[] = [];
  for (const [key, table] of tables) {
    const is = present.get(key);
    const name = `${quoteIdentifier(table.schema)}.${quoteIdentifier(table.table)}`;
    const problem = is ? problemOf(table, is, name) : `There is no table ${name}. Create it, or correct the name in onChange.`;
    if (problem !== undefined || !is) {
      plan.problems.push(problem as string);
      continue;
    }
    const full = table.wantsRow || is.identity === 'f';
    if (table.wantsRow && is.identity !== 'f') {
      for (const one of is.kind === 'p' ? [name, ...is.partitions] : [name])
        plan.statements.push(`alter table ${one} replica identity full;`);
    }
    const identity = is.identity === 'i' ? is.index_key : is.key;
    plan.keys.set(key, identity);
    const writesOld = ops.includes('update') || ops.includes('delete');
    if (!full && writesOld && (is.identity === 'n' || identity.length === 0)) {
      plan.problems.push(
        `Table ${name} has no primary key: published, its updates and deletes would fail. Add one, or give its onChange before: 'row'.`,
      );
    }
    const columns = full || !table.columns ? null : [...new Set([...identity, ...table.columns])].sort();
    parts.push({ name, columns, isSame: is.published && sameList(is.published_columns, columns) });
  }
  plan.statements.push(...(await publicationStatements(db, publication, ops, parts)));
  const known = await db.query(`select name from ${db.schema}.subscription where name = any ($1::text[])`, [
    changes.map(({ subscription }) => subscription),
  ]);
  const names = new Set(known.rows.map((row) => row.name));
  plan.missingSubscriptions = changes.map(({ subscription }) => subscription).filter((name) => !names.has(name));
  return plan;
}

/** In one transaction, where `db` is one. @throws SetupError where a person has to do something first, or the role may not */
export async function applyChangesPlan(db: Queryable, { problems, statements }: ChangesPlan): Promise<void> {
  if (problems.length > 0) {
    throw new SetupError(`The changes cannot be read yet. ${problems.join(' ')}`);
  }
  for (const statement of statements) {
    try {
      await db.query(statement);
    } catch (error) {
      if ((error as { code?: string }).code !== '42501') throw error;
      throw new SetupError(
        `This role may not: ${statement} (${(error as Error).message}). Run 'tidemark cdc apply' as the owner of the tables.`,
      );
    }
  }
}

function problemOf(table: ChangeTable, is: PresentTable, name: string): string | undefined {
  if (is.kind !== 'r' && is.kind !== 'p') return `${name} is no table: only changes of tables can be read.`;
  if (is.persistence !== 'p') return `Table ${name} is unlogged or temporary: its changes are in no log. Make it a logged one.`;
  const missing = (table.columns ?? []).filter((column) => !is.columns.includes(column));
  if (missing.length > 0) {
    return `Table ${name} has no column ${missing.map((column) => `'${column}'`).join(', ')} (it has ${is.columns.join(', ')}). Correct columns of its onChange.`;
  }
  return undefined;
}

async function publicationStatements(
  db: Queryable,
  publication: string,
  ops: readonly ChangeKind[],
  parts: readonly { name: string; columns: string[] | null; isSame: boolean }[],
): Promise<string[]> {
  const { rows } = await db.query(
    `select pubinsert, pubupdate, pubdelete, pubtruncate, pubviaroot, puballtables,
       (select count(*)::integer from pg_publication_rel r where r.prpubid = p.oid) as tables
     from pg_publication p where pubname = $1`,
    [publication],
  );
  const name = quoteIdentifier(publication);
  const list = parts
    .map(({ name: table, columns }) => `${table}${columns ? ` (${columns.map(quoteIdentifier).join(', ')})` : ''}`)
    .join(', ');
  const settings = `(publish = '${ops.join(', ')}', publish_via_partition_root = true)`;
  if (parts.length === 0) return [];
  if (rows.length === 0) return [`create publication ${name} for table ${list} with ${settings};`];
  const [is] = rows;
  const statements: string[] = [];
  if (is.tables !== parts.length || parts.some(({ isSame }) => !isSame)) statements.push(`alter publication ${name} set table ${list};`);
  if (KINDS.some((kind) => is[`pub${kind}`] !== ops.includes(kind)) || !is.pubviaroot)
    statements.push(`alter publication ${name} set ${settings};`);
  return statements;
}

async function presentTables(db: Queryable, publication: string, tables: readonly ChangeTable[]): Promise<Map<string, PresentTable>> {
  const { rows } = await db.query(
    `select n.nspname as schema, c.relname as table, c.relkind as kind, c.relpersistence as persistence, c.relreplident as identity,
       (select array_agg(a.attname::text order by a.attnum) from pg_attribute a where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped) as columns,
       coalesce((select array_agg(a.attname::text order by a.attnum) from pg_index i
         join pg_attribute a on a.attrelid = c.oid and a.attnum = any (i.indkey) where i.indrelid = c.oid and i.indisprimary), '{}') as key,
       coalesce((select array_agg(a.attname::text order by a.attnum) from pg_index i
         join pg_attribute a on a.attrelid = c.oid and a.attnum = any (i.indkey) where i.indrelid = c.oid and i.indisreplident), '{}') as index_key,
       coalesce((select array_agg(t.relid::regclass::text order by 1) from pg_partition_tree(c.oid) t where t.relid <> c.oid), '{}') as partitions,
       r.oid is not null as published,
       (select array_agg(a.attname::text order by a.attname::text) from pg_attribute a
         where a.attrelid = c.oid and a.attnum = any (r.prattrs::smallint[])) as published_columns
     from unnest($2::text[], $3::text[]) as w (schema_name, table_name)
     join pg_namespace n on n.nspname = w.schema_name
     join pg_class c on c.relnamespace = n.oid and c.relname = w.table_name
     left join pg_publication p on p.pubname = $1
     left join pg_publication_rel r on r.prpubid = p.oid and r.prrelid = c.oid`,
    [publication, tables.map(({ schema }) => schema), tables.map(({ table }) => table)],
  );
  return new Map(rows.map((row) => [`${row.schema}\0${row.table}`, row]));
}

function sameList(a: readonly string[] | null, b: readonly string[] | null): boolean {
  return (a === null) === (b === null) && (a ?? []).join('\0') === [...(b ?? [])].sort().join('\0');
}
