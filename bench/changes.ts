/**
 * Row changes: how many a second a reader stores of a backlog of transactions of one row each, beside plain inserts of the rows that it writes. First messages
 * alone, as of a subscription that is disabled; then with a delivery each, in no order and in that of each row.
 */
import { type AnyChange, onChange } from '../src/changes/on-change.ts';
import { storeChanges } from '../src/changes/store-changes.ts';
import { parseLsn } from '../src/postgres/lsn.ts';
import { createChangeTable, readBacklog } from './support/change-backlog.ts';
import type { BenchDatabase, Environment } from './support/environment.ts';
import { type Figure, type FigureText, floorFigure, rateFigure, reportedFigure, takeTurns, timed } from './support/figure.ts';

const BACKLOG = 20_000;
/** As many as the reader stores in one transaction of its own, at most. */
const PAGE = 2_000;
const ALONE = 1_000;
const ROUNDS = 3;
const GOAL = 20_000;
const SUBSCRIPTION = 'item-changes';
const DATA = JSON.stringify({
  op: 'c',
  key: { id: '10000' },
  before: null,
  after: { id: '10000', note: 'a note of some length', at: '2026-11-21T20:00:00.123456Z' },
  types: { at: 'time' },
  source: { schema: 'public', table: 'item', lsn: '0/16B3748', txId: 12345, ts: '2026-11-21T20:00:00.123Z' },
});

export default async function measure(environment: Environment): Promise<Figure[]> {
  const { messages } = await measureShape(environment, { ordered: false, enabled: false });
  const { delivered, alone } = await measureShape(environment, { ordered: false, enabled: true });
  const { ordered } = await measureShape(environment, { ordered: true, enabled: true });
  const text = (name: string, what: string, baseline = 'plain inserts of the same rows'): FigureText => ({
    name,
    unit: 'changes/s',
    note: `${BACKLOG} transactions of one row, ${what}; baseline: ${baseline}`,
  });
  return [
    reportedFigure(text('changes-messages', 'messages alone'), messages),
    floorFigure(text('changes', 'one subscription, in no order'), delivered, GOAL),
    rateFigure(text('changes-grouped', 'one subscription, in no order', 'each transaction stored by itself'), alone, 4),
    floorFigure(text('changes-ordered', 'one subscription, in the order of each row'), ordered, GOAL),
  ];
}

interface Shape {
  ordered: boolean;
  enabled: boolean;
}

async function measureShape(environment: Environment, { ordered, enabled }: Shape) {
  const database = await environment.database({ connections: 6 });
  const changes = [onChange('item', { enableMessageOrdering: ordered }, () => {})];
  await createChangeTable(
    database,
    'create table public.item (id bigint generated always as identity primary key, note text, at timestamptz default now())',
    changes,
  );
  await database.owner.query('update tidemark.subscription set enabled = $1', [enabled]);
  const medians = await takeTurns({
    rounds: ROUNDS,
    turns: {
      value: async () => {
        await passWhatWasWritten(database, changes);
        await write(database, BACKLOG);
        return (BACKLOG * 1_000) / (await readBacklog(database, changes, BACKLOG));
      },
      insert: async () => (BACKLOG * 1_000) / (await timed(() => database.owner.query(plainInserts({ ordered, enabled })))),
      ...(enabled && !ordered ? { alone: async () => (ALONE * 1_000) / (await timed(() => storeOneByOne(database))) } : {}),
    },
  });
  const { value = 0, insert = 0, alone = 0 } = medians;
  const measured = { value, baseline: insert };
  return { messages: measured, delivered: measured, ordered: measured, alone: { value, baseline: alone } };
}

/** The log holds what the baselines have written: the slot is moved behind it, as a reader that runs all the time does every 15 s. */
async function passWhatWasWritten(database: BenchDatabase, changes: readonly AnyChange[]): Promise<void> {
  await database.owner.query('select pg_log_standby_snapshot()');
  await write(database, 1);
  await readBacklog(database, changes, 1);
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

/** What the reader writes, from nothing: the limit of whoever writes it. */
function plainInserts({ ordered, enabled }: Shape): string {
  const message = `insert into tidemark.message (topic, data, ordering_key)
    select 'changes.public.item', '${DATA}', nextval('tidemark.work_epoch')::text from generate_series(1, ${PAGE}) returning id, ordering_key as key`;
  const work = `insert into tidemark.work (id, workflow, state, group_name, ordering_key, position, not_before, epoch, first_epoch)
    select 'delivery/${SUBSCRIPTION}/' || id, 'delivery', 'ready', '${SUBSCRIPTION}', ${ordered ? `'baseline' || key, 1` : 'null, null'}, clock_timestamp(), id, id
    from message`;
  const key = `insert into tidemark.work_key (group_name, ordering_key, next_position) select '${SUBSCRIPTION}', 'baseline' || key, 1 from message`;
  const page = !enabled
    ? message.replace(/ returning .*/, '')
    : `with message as (${message})${ordered ? `, key as (${key})` : ''} ${work}`;
  return `do $$ begin for page in 1..${BACKLOG / PAGE} loop ${page}; commit; end loop; end $$`;
}

async function storeOneByOne({ db, pool }: BenchDatabase): Promise<void> {
  const { rows } = await pool.query('select name, checkpoint::text from tidemark.change_slot');
  const change = { topic: 'changes.public.item', data: DATA, orderingKey: null, subscriptions: [SUBSCRIPTION] };
  let at = parseLsn(rows[0].checkpoint);
  for (let stored = 0; stored < ALONE; stored += 1, at += 1n) {
    await storeChanges(db, rows[0].name, at, { changes: [change], end: { lsn: at + 1n, committedAt: new Date() } });
  }
  await pool.query('update tidemark.change_slot set checkpoint = $1::pg_lsn', [rows[0].checkpoint]);
}
