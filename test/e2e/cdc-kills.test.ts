/**
 * `tidemark cdc` as a user runs it, killed with SIGKILL again and again while others write; what it has stored is compared, by SQL, with what a trigger has noted
 * of every change. CDC_CHANGES and CDC_KILLS make it larger.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { onChange } from '../../src/index.ts';
import { type ChangeFixture, createChangeFixture } from '../support/change-reader.ts';
import { createFolder, distFile, type RunningCli, runCli, startCli } from '../support/cli.ts';
import { until } from '../support/until.ts';

const CHANGES = Number(process.env.CDC_CHANGES ?? 6_000);
const KILLS = Number(process.env.CDC_KILLS ?? 3);
const TOPIC = 'changes.public.thing';
const STORED = `select 1 from tidemark.message where topic = $1 and data -> 'key' ->> 'id' = $2`;

const TABLES = `
  create table public.thing (id integer generated always as identity primary key, v integer not null default 0, pad text);
  create table public.noted (op text, id integer, v integer);
  create function public.note() returns trigger language plpgsql as $$
  begin
    insert into public.noted values (case tg_op when 'INSERT' then 'c' when 'UPDATE' then 'u' else 'd' end, coalesce(new.id, old.id), new.v);
    return null;
  end $$;
  create trigger note after insert or update or delete on public.thing for each row execute function public.note();
`;

let fixture: ChangeFixture;
let folder: ReturnType<typeof createFolder>;
const readers = new Set<RunningCli>();

beforeAll(async () => {
  fixture = await createChangeFixture(TABLES);
  folder = createFolder();
  writeFileSync(
    join(folder.path, 'app.mjs'),
    `import { createTidemark, onChange } from ${JSON.stringify(distFile('index.js'))};
     const db = { query: () => Promise.reject(new Error('not used here')) };
     export default createTidemark({ db, changes: [onChange('thing', {}, () => {})] });`,
  );
}, 180_000);
afterAll(async () => {
  for (const { child } of readers) child.kill('SIGKILL');
  await Promise.all([...readers].map(({ ended }) => ended));
  folder?.remove();
  await fixture?.close();
});

const cli = (args: string[], url: string) => runCli([...args, '--app', 'app.mjs'], { cwd: folder.path, env: { DATABASE_URL: url } });

/** Kept up by being started again, whoever it is that dies. */
function startReader(): RunningCli {
  const reader = startCli(['cdc', '--app', 'app.mjs'], { cwd: folder.path, env: { DATABASE_URL: fixture.url }, timeoutMs: 1_000_000 });
  readers.add(reader);
  void reader.ended.then(() => readers.delete(reader));
  return reader;
}

const rows = async (text: string, values?: unknown[]) => (await fixture.database.ownerPool.query(text, values)).rows;

/** How much may be written by now: as the kills go on, so that there is something to read at each of them. */
const pace = { written: 0, most: 0, isOver: false };

/** Inserts, updates and deletes in transactions of all sizes, some rolled back. */
async function write(isLarge: boolean): Promise<void> {
  const client = await fixture.database.ownerPool.connect();
  try {
    while (!pace.isOver) {
      await delay(isLarge ? 200 : 20);
      if (pace.written >= pace.most) continue;
      const size = isLarge ? Math.ceil(CHANGES / 20) : 1 + Math.floor(Math.random() * 40);
      await client.query('begin');
      await client.query(`insert into thing (pad) select repeat('x', 50) from generate_series(1, $1::integer)`, [size]);
      await client.query('update thing set v = v + 1 where id in (select id from thing order by id desc limit $1 for update skip locked)', [
        size,
      ]);
      await client.query('delete from thing where id in (select id from thing order by id limit 2 for update skip locked)');
      const isKept = Math.random() > 0.1;
      await client.query(isKept ? 'commit' : 'rollback');
      if (isKept) pace.written += 2 * size + 2;
    }
  } finally {
    client.release();
  }
}

test(`${CHANGES} changes and ${KILLS} kills of the reader: none is lost, none is stored twice, and those of a row are in order`, async () => {
  const refused = await cli(['cdc'], fixture.url);
  expect(refused).toMatchObject({
    code: 1,
    stderr: expect.stringMatching(/^.*The changes cannot be read yet. 'tidemark cdc apply', as the owner/s),
  });
  expect(await cli(['cdc', 'plan'], fixture.url)).toMatchObject({
    code: 1,
    stdout: expect.stringContaining('create publication "tidemark_'),
  });
  expect(await cli(['cdc', 'apply'], fixture.database.ownerUrl)).toMatchObject({ code: 0, stdout: expect.stringContaining('Done.') });
  const first = startReader();
  await first.waitFor('"running"');

  const startedAt = performance.now();
  const writing = [write(false), write(false), write(true)];
  let kills = 0;
  try {
    startReader();
    for (; kills < KILLS; kills += 1) {
      pace.most = (CHANGES * (kills + 1)) / KILLS;
      const reading = await until(
        'one of them reads',
        () => [...readers].find(({ output }) => output().stdout.includes('"running"')),
        60_000,
      );
      await delay(200 + Math.random() * 600);
      // Wherever it is: reading, storing, between the two. Of the others one takes over.
      reading.child.kill('SIGKILL');
      await reading.ended;
      startReader();
    }
    await until('enough is written', () => pace.written >= CHANGES, 300_000);
  } finally {
    pace.isOver = true;
    await Promise.all(writing);
  }
  // What is committed before it is stored before it.
  const [last] = await rows(`insert into thing (pad) values ('last') returning id`);
  await until('all of it is read', async () => (await rows(STORED, [TOPIC, String(last.id)])).length > 0, 600_000);
  const [{ changes }] = await rows('select count(*)::integer as changes from noted');

  const seen = `(select m.id as n, m.data ->> 'op' as op, (m.data -> 'key' ->> 'id')::integer as id, (m.data -> 'after' ->> 'v')::integer as v
    from tidemark.message m where m.topic = '${TOPIC}')`;
  const [result] = await rows(
    `select (select count(*)::integer from (select op, id, v from noted except all select op, id, v from ${seen} s) l) as lost,
       (select count(*)::integer from (select op, id, v from ${seen} s except all select op, id, v from noted) d) as twice,
       (select count(*)::integer from (
         select v, op, lag(v) over w as before, lag(op) over w as op_before from ${seen} s window w as (partition by id order by n)) o
         where (op = 'c') <> (op_before is null) or op_before = 'd' or (op = 'u' and v <> before + 1)) as out_of_order,
       (select count(*)::integer from (
         (select id, v from thing except select id, v from (select distinct on (id) id, v, op from ${seen} s order by id, n desc) f where op <> 'd')
         union all
         (select id, v from (select distinct on (id) id, v, op from ${seen} s order by id, n desc) f where op <> 'd' except select id, v from thing)) x) as rows_wrong,
       (select count(*)::integer from tidemark.work where group_name = 'thing-changes') as deliveries`,
  );
  if (process.env.CDC_CHANGES) console.log({ changes, kills, seconds: Math.round((performance.now() - startedAt) / 1_000), ...result });
  expect(result).toEqual({ lost: 0, twice: 0, out_of_order: 0, rows_wrong: 0, deliveries: changes });
  expect(changes).toBeGreaterThanOrEqual(CHANGES);

  const status = await runCli(['cdc', 'status', '--json'], { cwd: folder.path, env: { DATABASE_URL: fixture.url } });
  expect(JSON.parse(status.stdout)).toMatchObject({ slots: [{ slot: fixture.slot, state: 'reading' }], gaps: [] });
}, 1_000_000);

test('of two readers one waits, and takes over when the other is killed', async () => {
  const isReading = ({ output }: RunningCli) => output().stdout.includes('"running"');
  const waiting = await until('one waits', () =>
    [...readers].find((reader) => reader.output().stdout.includes('waiting to take over') && !isReading(reader)),
  );
  const victim = await until('the other reads', () => [...readers].find(isReading));
  const killedAt = performance.now();
  victim.child.kill('SIGKILL');
  const [row] = await rows(`insert into thing (pad) values ('while nobody reads') returning id`);
  await until('it is stored', async () => (await rows(STORED, [TOPIC, String(row.id)])).length === 1, 60_000);
  const tookMs = performance.now() - killedAt;
  expect(isReading(waiting)).toBe(true);
  // Half a second to look, and what a busy machine takes to notice that a process is gone.
  expect(tookMs).toBeLessThan(10_000);
});

test('what it was made for is given up with drop, and not while it reads', async () => {
  const drop = () => runCli(['cdc', 'drop', '--yes'], { cwd: folder.path, env: { DATABASE_URL: fixture.database.ownerUrl } });
  expect(await drop()).toMatchObject({ code: 1, stderr: expect.stringContaining("Stop 'tidemark cdc' first.") });
  const stopping = [...readers];
  for (const { child } of stopping) child.kill('SIGTERM');
  for (const { ended } of stopping) expect(await ended).toMatchObject({ code: 0 });
  expect(await drop()).toMatchObject({ code: 0, stdout: `Dropped ${fixture.slot}.\n` });
  expect(await rows('select 1 from pg_replication_slots where slot_name = $1', [fixture.slot])).toEqual([]);
});

// The types of a definition are those of its handler.
onChange<{ id: number; v: number }>('thing', { columns: ['v'] }, ({ after }) => after?.v.toFixed());
