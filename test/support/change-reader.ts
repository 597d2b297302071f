/** A database whose changes are read: its reader in this process, with a role of its own, and what has been stored by it. */
import { randomBytes } from 'node:crypto';
import type { AnyChange } from '../../src/changes/on-change.ts';
import { applyChangesPlan, planChanges } from '../../src/changes/plan-changes.ts';
import { type ReadChangesOptions, readChanges } from '../../src/changes/read-changes.ts';
import type { StoredChange } from '../../src/changes/stored-change.ts';
import { applySubscriptions } from '../../src/index.ts';
import { createPool, type Pool } from '../../src/postgres/pool.ts';
import { inSchema } from '../../src/postgres/queryable.ts';
import { createTestDatabase, type TestDatabase } from './database.ts';
import { until } from './until.ts';

export interface RunningReader {
  /** Settles when it has ended. */
  readonly ended: Promise<void>;
  readonly lines: string[];
  readonly isReading: boolean;
  untilReading(): Promise<void>;
  stop(): Promise<void>;
}

export interface ChangeFixture {
  readonly database: TestDatabase;
  /** Of the role that reads: REPLICATION, and a member of tidemark_cdc. */
  readonly url: string;
  readonly pool: Pool;
  readonly slot: string;
  /** Subscriptions, publication and replica identities, as the owner. */
  apply(changes: readonly AnyChange[]): Promise<void>;
  reader(changes: readonly AnyChange[], options?: Partial<ReadChangesOptions>): RunningReader;
  /** The messages of a topic, in the order in which they were stored. */
  stored(topic: string): Promise<StoredChange[]>;
  /** When so many are stored. */
  untilStored(topic: string, count: number, deadlineMs?: number): Promise<StoredChange[]>;
  close(): Promise<void>;
}

/** @param tables statements that make the tables */
export async function createChangeFixture(tables: string, options: { postgresUrl?: string } = {}): Promise<ChangeFixture> {
  const database = await createTestDatabase(options);
  const role = `cdc_${randomBytes(4).toString('hex')}`;
  const url = new URL(database.appUrl);
  await database.ownerPool.query(`create role ${role} login replication password '${url.password}' in role tidemark_cdc`);
  await database.ownerPool.query(tables);
  await database.ownerPool.query(`grant select on all tables in schema public to ${role}`);
  url.username = role;
  const pool = createPool({ connectionString: url.href, max: 6, applicationName: 'test cdc' });
  const ownerDb = inSchema(database.ownerPool);
  const { rows } = await database.ownerPool.query('select id from tidemark.installation');
  const slot = `tidemark_${rows[0].id}`;
  const running = new Set<RunningReader>();
  const fixture: ChangeFixture = {
    database,
    url: url.href,
    pool,
    slot,
    async apply(changes) {
      await applySubscriptions(ownerDb, changes);
      await applyChangesPlan(ownerDb, await planChanges(ownerDb, changes));
    },
    reader(changes, options = {}) {
      const stop = new AbortController();
      const lines: string[] = [];
      let isReading = false;
      const ended = readChanges({
        ...{ pool, connectionString: url.href, schema: 'tidemark', changes, signal: stop.signal },
        log: (level, message) => lines.push(`${level}: ${message}`),
        onReading: (reading) => {
          isReading = reading;
        },
        ...options,
      });
      ended.catch(() => {});
      const reader: RunningReader = {
        ended,
        lines,
        get isReading() {
          return isReading;
        },
        async untilReading() {
          const failed = ended.then(() => Promise.reject(new Error('The reader has ended.')));
          await Promise.race([
            until('it reads', () => isReading).catch((error) => {
              throw new Error(`${error.message}: ${lines.join('; ')}`);
            }),
            failed,
          ]);
        },
        async stop() {
          stop.abort();
          running.delete(reader);
          await ended.catch(() => {});
        },
      };
      running.add(reader);
      return reader;
    },
    async stored(topic) {
      const { rows: messages } = await database.pool.query('select data from tidemark.message where topic = $1 order by id', [topic]);
      return messages.map(({ data }) => data);
    },
    async untilStored(topic, count, deadlineMs) {
      let seen = 0;
      return until(
        `${count} changes of ${topic} are stored`,
        async () => {
          const stored = await fixture.stored(topic);
          seen = stored.length;
          return stored.length >= count ? stored : undefined;
        },
        deadlineMs,
      ).catch((error) => {
        throw new Error(`${error.message}: ${seen} are; ${[...running].flatMap(({ lines }) => lines).join('; ')}`);
      });
    },
    async close() {
      await Promise.all([...running].map((reader) => reader.stop()));
      await pool.end();
      await until('the slot is free', async () => {
        const { rows: slots } = await database.ownerPool.query(
          'select active from pg_replication_slots where database = current_database()',
        );
        return slots.every(({ active }) => !active);
      });
      await database.ownerPool.query(
        'select pg_drop_replication_slot(slot_name) from pg_replication_slots where database = current_database()',
      );
      await database.drop();
    },
  };
  return fixture;
}
