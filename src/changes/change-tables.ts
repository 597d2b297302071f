/**
 * What an application wants to know of which tables, and who wants to know of one change. Of a table the message holds what any of its subscriptions wants; each
 * gets its own part of it.
 */
import { createHash } from 'node:crypto';
import type { Relation } from '../postgres/replication.ts';
import { jsonTypeOf } from '../postgres/replication-values.ts';
import type { ChangedRow, ChangeOp } from './change-message.ts';
import type { AnyChange, ChangeKind } from './on-change.ts';
import type { RevivedType, StoredChange } from './stored-change.ts';

export interface ChangeTable {
  readonly schema: string;
  readonly table: string;
  readonly topic: string;
  readonly changes: readonly AnyChange[];
  readonly ops: ReadonlySet<ChangeKind>;
  /** Somebody needs the whole row as it was. */
  readonly wantsRow: boolean;
  readonly snapshot: boolean;
  /** What anybody wants beside the key; undefined: all. */
  readonly columns: readonly string[] | undefined;
}

/** By schema and table, as `tableKey` writes them. */
export function changeTables(changes: readonly AnyChange[]): ReadonlyMap<string, ChangeTable> {
  const byTable = new Map<string, AnyChange[]>();
  for (const change of changes) {
    const key = tableKey(change.changes.schema, change.changes.table);
    byTable.set(key, [...(byTable.get(key) ?? []), change]);
  }
  return new Map([...byTable].map(([key, of]) => [key, changeTable(of)]));
}

export function tableKey(schema: string, table: string): string {
  return `${schema}\0${table}`;
}

function changeTable(changes: readonly AnyChange[]): ChangeTable {
  const [first] = changes as [AnyChange];
  const all = changes.some(({ changes: { columns } }) => columns === undefined);
  return {
    schema: first.changes.schema,
    table: first.changes.table,
    topic: first.topic,
    changes,
    ops: new Set(changes.flatMap(({ changes: { ops } }) => ops)),
    wantsRow: changes.some(({ changes: { before } }) => before === 'row'),
    snapshot: changes.some(({ changes: { snapshot } }) => snapshot),
    columns: all ? undefined : [...new Set(changes.flatMap(({ changes: { columns = [] } }) => columns))],
  };
}

const KIND: Record<ChangeOp, ChangeKind | 'read'> = { c: 'insert', u: 'update', d: 'delete', t: 'truncate', r: 'read' };

/** @param isChanged of a column; undefined: nobody knows. @returns subscriptions, in the order of their definitions */
function subscriptionsFor({ changes }: ChangeTable, op: ChangeOp, isChanged: ((column: string) => boolean) | undefined): readonly string[] {
  const kind = KIND[op];
  return changes
    .filter(({ changes: { ops, columns, snapshot } }) => {
      if (kind === 'read') return snapshot;
      return ops.includes(kind) && (kind !== 'update' || !columns || !isChanged || columns.some(isChanged));
    })
    .map(({ subscription }) => subscription);
}

export interface RowChange {
  op: ChangeOp;
  relation: { readonly columns: readonly Pick<Relation['columns'][number], 'name' | 'typeOid'>[] };
  /** Names of its key; where the replica identity is full, those of the primary key. */
  keyColumns: readonly string[];
  before: ChangedRow | null;
  /** A column whose value is undefined is unchanged. */
  after: ChangedRow | null;
  source: StoredChange['source'];
}

/** @returns the change as its message keeps it, or undefined where nobody wants it */
export function routeChange(table: ChangeTable, { op, relation, keyColumns, before, after, source }: RowChange) {
  const isWhole = op === 'u' && before !== null && relation.columns.every(({ name }) => before[name] !== undefined);
  const isChanged = isWhole ? (name: string) => !isSame(before?.[name], after?.[name]) : undefined;
  const subscriptions = subscriptionsFor(table, op, isChanged);
  if (subscriptions.length === 0) {
    return undefined;
  }
  const wanted = table.columns && new Set([...table.columns, ...keyColumns]);
  const unchanged: string[] = [];
  const types: Record<string, RevivedType> = {};
  for (const { name, typeOid } of relation.columns) {
    if (wanted && !wanted.has(name)) continue;
    const type = jsonTypeOf(typeOid);
    if (type !== undefined) types[name] = type;
    if (after && after[name] === undefined && name in after) unchanged.push(name);
  }
  const part = (row: ChangedRow | null) =>
    row && wanted ? Object.fromEntries(Object.entries(row).filter(([name]) => wanted.has(name))) : row;
  const row = after ?? before ?? {};
  const key = Object.fromEntries(keyColumns.map((name) => [name, row[name]]));
  const stored: StoredChange = {
    op,
    key,
    before: part(before),
    after: part(after),
    ...(unchanged.length > 0 ? { unchanged } : {}),
    ...(Object.keys(types).length > 0 ? { types } : {}),
    source,
  };
  return { stored, subscriptions, orderingKey: orderingKeyOf(keyColumns, key) };
}

/** Of values as they were decoded: text, numbers, booleans, and what JSON made. */
function isSame(a: unknown, b: unknown): boolean {
  return a === b || (typeof a === 'object' && typeof b === 'object' && JSON.stringify(a) === JSON.stringify(b));
}

const MAX_KEY = 400;

function orderingKeyOf(columns: readonly string[], key: ChangedRow): string | null {
  if (columns.length === 0) {
    return null;
  }
  const text = columns.length === 1 ? String(key[columns[0] as string]) : JSON.stringify(columns.map((name) => key[name]));
  return text.length <= MAX_KEY ? text : createHash('sha256').update(text).digest('hex');
}
