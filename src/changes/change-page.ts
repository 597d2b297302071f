/**
 * Gathers the changes of a stream into pages: as many whole transactions as have come, or a part of one that is larger than a page. What is in memory is
 * bounded by two pages, whatever is sent.
 */
import { formatLsn, type Lsn } from '../postgres/lsn.ts';
import { lsnOf, type Relation, type ReplicationMessage, timeOf } from '../postgres/replication.ts';
import type { ChangedRow, ChangeOp } from './change-message.ts';
import { type ChangeTable, routeChange, tableKey } from './change-tables.ts';

export interface PagedChange {
  topic: string;
  /** As JSON. */
  data: string;
  orderingKey: string | null;
  subscriptions: readonly string[];
}

/** Where a transaction ends, and when it was committed. */
export interface CommitPoint {
  lsn: Lsn;
  committedAt: Date;
}

export interface ChangePage {
  changes: readonly PagedChange[];
  /** Of the last transaction in it; absent: a part of one that goes on in the next page. */
  end?: CommitPoint;
}

export interface PageOptions {
  tables: ReadonlyMap<string, ChangeTable>;
  /** The columns that tell rows apart, by table: the stream does not say it where the replica identity is full. */
  keys: ReadonlyMap<string, readonly string[]>;
  /** Tables whose rows were read as of this place: earlier changes are in what was read. By table. */
  since: ReadonlyMap<string, Lsn>;
  /** What was stored before. */
  checkpoint: Lsn;
  pageChanges?: number;
  pageBytes?: number;
}

export interface PageCollector {
  add(message: ReplicationMessage, lsn: Lsn): void;
  /** Everything that was committed before this has come. */
  keepalive(end: Lsn): void;
  readonly isFull: boolean;
  /** What can be stored now; undefined: nothing. */
  take(): ChangePage | undefined;
  /** How far the stream is where nothing is to be stored; undefined while something is. */
  idleAt(): Lsn | undefined;
}

const PAGE_CHANGES = 2_000;
const PAGE_BYTES = 8 * 2 ** 20;

interface Transaction {
  /** Where its commit begins. */
  commitLsn: Lsn;
  committedAt: string;
  txId: number;
  /** Stored before. */
  skip: boolean;
}

export function createPageCollector(options: PageOptions): PageCollector {
  const { tables, keys, since, checkpoint, pageChanges = PAGE_CHANGES, pageBytes = PAGE_BYTES } = options;
  let changes: PagedChange[] = [];
  let bytes = 0;
  /** Of the whole transactions among them. */
  let complete = 0;
  let end: CommitPoint | undefined;
  let transaction: Transaction | undefined;
  /** A page has been taken that its transaction goes on after. */
  let isParted = false;
  let idle = checkpoint;

  function addChange(op: ChangeOp, relation: Relation, tx: Transaction, lsn: Lsn, before: ChangedRow | null, after: ChangedRow | null) {
    const key = tableKey(relation.schema, relation.name);
    const table = tables.get(key);
    if (!table || tx.commitLsn < (since.get(key) ?? 0n)) {
      return;
    }
    const keyColumns = op === 't' ? [] : relation.replicaIdentity === 'full' ? (keys.get(key) ?? []) : relation.keyColumns;
    const source = { schema: relation.schema, table: relation.name, lsn: formatLsn(lsn), txId: tx.txId, ts: tx.committedAt };
    const routed = routeChange(table, { op, relation, keyColumns, before, after, source });
    if (routed) {
      const data = JSON.stringify(routed.stored);
      bytes += data.length;
      changes.push({ topic: table.topic, data, orderingKey: routed.orderingKey, subscriptions: routed.subscriptions });
    }
  }

  return {
    add(message, lsn) {
      if (message.tag === 'begin') {
        const commitLsn = lsnOf(message.commitLsn);
        const committedAt = timeOf(message.commitTime).toISOString();
        transaction = { commitLsn, committedAt, txId: message.xid >>> 0, skip: commitLsn < checkpoint };
        return;
      }
      if (message.tag === 'commit') {
        const lsnOfEnd = lsnOf(message.commitEndLsn);
        if (lsnOfEnd > checkpoint) {
          end = { lsn: lsnOfEnd, committedAt: timeOf(message.commitTime) };
          complete = changes.length;
        }
        transaction = undefined;
        return;
      }
      if (transaction === undefined || transaction.skip) {
        return;
      }
      switch (message.tag) {
        case 'insert':
          addChange('c', message.relation, transaction, lsn, null, message.new);
          return;
        case 'update':
          addChange('u', message.relation, transaction, lsn, message.old ?? message.key, message.new);
          return;
        case 'delete':
          addChange('d', message.relation, transaction, lsn, message.old ?? message.key, null);
          return;
        case 'truncate':
          for (const relation of message.relations) addChange('t', relation, transaction, lsn, null, null);
      }
    },
    keepalive(at) {
      if (transaction === undefined && at > idle) idle = at;
    },
    get isFull() {
      return changes.length >= pageChanges || bytes >= pageBytes;
    },
    take() {
      if (end && (complete > 0 || isParted)) {
        const page = { changes: changes.slice(0, complete), end };
        changes = changes.slice(complete);
        bytes = changes.reduce((sum, { data }) => sum + data.length, 0);
        complete = 0;
        end = undefined;
        isParted = false;
        return page;
      }
      if (changes.length > 0 && this.isFull) {
        const page = { changes };
        isParted = true;
        changes = [];
        bytes = 0;
        return page;
      }
      return undefined;
    },
    idleAt() {
      if (changes.length > 0 || isParted) return undefined;
      const passed = end?.lsn ?? 0n;
      return passed > idle ? passed : idle;
    },
  };
}
