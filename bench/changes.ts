/**
 * Row changes: how many a second a reader stores of a backlog of transactions of one row each, and how long after its commit a change is stored at 50 a second.
 */
import { setTimeout as delay } from 'node:timers/promises';
import type { ChangePage } from '../src/changes/change-page.ts';
import { type AnyChange, onChange } from '../src/changes/on-change.ts';
import { applyChangesPlan, planChanges } from '../src/changes/plan-changes.ts';
import { readChanges } from '../src/changes/read-changes.ts';
import { storeChanges } from '../src/changes/store-changes.ts';
import { applySubscriptions } from '../src/messages/apply-subscriptions.ts';
import { parseLsn } from '../src/postgres/lsn.ts';
import { inSchema } from '../src/postgres/queryable.ts';
import type { BenchDatabase, Environment } from './support/environment.ts';
import { alternate, type Figure, limitFigure, type Measured, quantile, rateFigure, reportedFigure, timed } from './support/figure.ts';

const BACKLOG = 20_000;
const ALONE = 1_000;
const ROUNDS = 3;
const PER_SECOND = 50;
const SAMPLES = 500;

export default async function measure(environment: Environment): Promise<Figure[]> {
  const figures: Figure[] = [];
  for (const enableMessageOrdering of [false, true]) {
    const database = await environment.database({ connections: 6 });
    const changes = [onChange('item', { enableMessageOrdering }, () => {})];
    await prepare(database, changes);
    const measured = await alternate({
      rounds: ROUNDS,
      value: async () => {
        await write(database, BACKLOG);
        return (BACKLOG * 1_000) / (await readBacklog(database, changes, BACKLOG));
      },
      baseline: async () => (ALONE * 1_000) / (await timed(() => storeOneByOne(database))),
    });
    const order = enableMessageOrdering ? 'in the order of each row' : 'in no order';
    const note = `${BACKLOG} transactions of one row, one subscription, ${order}; baseline: each transaction stored by itself`;
    const text = { name: enableMessageOrdering ? 'changes-ordered' : 'changes', unit: 'changes/s', note };
    figures.push(enableMessageOrdering ? reportedFigure(text, measured) : rateFigure(text, measured, 4));
    if (enableMessageOrdering) figures.push(await latency(environment, database, changes));
  }
  return figures;
}

async function prepare({ owner, pool }: BenchDatabase, changes: readonly AnyChange[]): Promise<void> {
  await owner.query(
    'create table public.item (id bigint generated always as identity primary key, note text, at timestamptz default now())',
  );
  await owner.query(
    `do $$ begin execute format('alter role %I replication', '${new URL(pool.options.connectionString ?? '').username}'); end $$`,
  );
  const db = inSchema(owner);
  await applySubscriptions(db, changes);
  await applyChangesPlan(db, await planChanges(db, changes));
  // The slot is made, and nothing is read yet.
  await readBacklog({ owner, pool } as BenchDatabase, changes, 0);
}

/** Each row a transaction. What the writer waits for is not what is measured. */
async function write({ owner }: BenchDatabase, count: number): Promise<void> {
  await owner.query(
    `do $$ begin
       set synchronous_commit = off;
       for i in 1..${count} loop insert into public.item (note) values ('a note of some length'); commit; end loop;
       reset synchronous_commit;
     end $$`,
  );
}

/** Until so many are stored. @returns milliseconds from when it reads */
async function readBacklog(
  { pool }: BenchDatabase,
  changes: readonly AnyChange[],
  count: number,
  onStored?: (page: ChangePage) => void,
): Promise<number> {
  const stop = new AbortController();
  let left = count;
  let startedAt = 0;
  let endedAt = 0;
  const over = () => {
    endedAt = performance.now();
    stop.abort();
  };
  await readChanges({
    pool,
    connectionString: pool.options.connectionString ?? '',
    schema: 'tidemark',
    changes,
    signal: stop.signal,
    onReading(reading) {
      if (reading) startedAt = performance.now();
      if (reading && count === 0) over();
    },
    afterStore(page) {
      onStored?.(page);
      left -= page.changes.length;
      if (left <= 0 && !stop.signal.aborted) over();
    },
  });
  return endedAt - startedAt;
}

async function storeOneByOne({ db, pool }: BenchDatabase): Promise<void> {
  const { rows } = await pool.query('select name, checkpoint::text from tidemark.change_slot');
  const start = parseLsn(rows[0].checkpoint);
  const data = JSON.stringify({ op: 'c', key: { id: '1' }, before: null, after: { id: '1', note: 'a note of some length' }, source: {} });
  const change = { topic: 'changes.public.item', data, orderingKey: null, subscriptions: ['item-changes'] };
  let at = start;
  for (let stored = 0; stored < ALONE; stored += 1, at += 1n) {
    await storeChanges(db, rows[0].name, at, { changes: [change], end: { lsn: at + 1n, committedAt: new Date() } });
  }
  await pool.query('update tidemark.change_slot set checkpoint = $1::pg_lsn', [rows[0].checkpoint]);
}

/** From the answer to the writer's commit to the commit of its message; an insert of the row itself beside it. */
async function latency(environment: Environment, database: BenchDatabase, changes: readonly AnyChange[]): Promise<Figure> {
  const committed = new Map<string, number>();
  const latencies: number[] = [];
  const inserts: number[] = [];
  environment.say(`  ${SAMPLES} changes at ${PER_SECOND} a second`);
  const reading = readBacklog(database, changes, SAMPLES, (page) => {
    const now = performance.now();
    for (const { orderingKey } of page.changes) {
      const since = committed.get(orderingKey ?? '');
      // Stored before the writer had its answer: at once.
      latencies.push(since === undefined ? 0 : now - since);
    }
  });
  for (let isRead = false; !isRead; ) {
    await delay(100);
    const { rows } = await database.owner.query(
      'select bool_or(active) as active from pg_replication_slots where database = current_database()',
    );
    isRead = rows[0].active;
  }
  for (let sample = 0; sample < SAMPLES; sample += 1) {
    const startedAt = performance.now();
    const { rows } = await database.owner.query(`insert into public.item (note) values ('x') returning id`);
    inserts.push(performance.now() - startedAt);
    committed.set(String(rows[0].id), performance.now());
    await delay(Math.max(0, 1_000 / PER_SECOND - (performance.now() - startedAt)));
  }
  await reading;
  const measured: Measured = { value: quantile(latencies, 0.5), baseline: quantile(inserts, 0.5) };
  const note = `p50 from the commit of a row to that of its message and delivery, at ${PER_SECOND}/s; p99 ${quantile(latencies, 0.99).toFixed(1)} ms; baseline: the insert of the row`;
  return limitFigure({ name: 'changes-latency', unit: 'ms', note }, measured, 50);
}
