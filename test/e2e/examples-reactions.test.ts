/**
 * The reactions as a user runs them, while rows are written: the worker and the reader of changes die in the middle. Then every row that should follow from
 * what was written is compared with it by SQL.
 */
import { readFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { reactions } from '../../examples/reactions/reactions.ts';
import { createRandom } from '../drill/random.ts';
import { type ChangeFixture, createChangeFixture } from '../support/change-reader.ts';
import { createFolder, type RunningCli, startCli } from '../support/cli.ts';
import { compileExamples } from '../support/examples.ts';
import { temporalAddress } from '../support/servers.ts';
import { until } from '../support/until.ts';

const examples = fileURLToPath(new URL('../../examples/reactions', import.meta.url));
const USERS = 12;
const POSTS = 20;
const WRITES = 240;

let fixture: ChangeFixture;
let folder: ReturnType<typeof createFolder>;
let other: Server;
/** What the other service keeps: its last word on each user. */
const copies = new Map<number, unknown>();
const processes: RunningCli[] = [];
/** A request of the first worker is not answered any more. */
let isHeld = false;
let isFirstWorker = true;

beforeAll(async () => {
  folder = createFolder();
  [fixture] = await Promise.all([
    createChangeFixture(`${readFileSync(join(examples, 'tables.sql'), 'utf8')}`),
    compileExamples(folder.path),
  ]);
  await sql('grant all on all tables in schema public to public');
  other = createServer((request, response) => {
    void text(request).then((body) => {
      const id = Number(request.url?.split('/').at(-1));
      if (request.method === 'DELETE') copies.delete(id);
      else copies.set(id, JSON.parse(body));
      if (isFirstWorker && id === 1) {
        isHeld = true;
        return;
      }
      response.writeHead(204).end();
    });
  }).listen(0, '127.0.0.1');
  await until('the other service listens', () => other.listening);
  const changes = reactions('http://unused.invalid');
  await fixture.apply(changes);

  const [first, firstReader] = await Promise.all([startWorker(), startReader()]);
  await sql(`insert into "user" select n, 'user' || n || '@example.com', 'User ' || n from generate_series(1, ${USERS}) n`);
  await sql(`insert into post select n, 1 + n % ${USERS}, 'Title ' || n, 'Body ' || n from generate_series(1, ${POSTS}) n`);
  await write(1, WRITES / 2);
  await until('the worker is in the middle', async () => isHeld && (await deliveries(`state = 'done'`)) > 20, 30_000);
  first.child.kill('SIGKILL');
  await first.ended;
  isFirstWorker = false;
  const second = startWorker();
  // The reader dies while it reads; what is written meanwhile waits for the next one.
  const before = await storedChanges();
  const writing = write(2, WRITES / 2);
  await until('the reader is in the middle', async () => (await storedChanges()) > before + 10, 30_000);
  firstReader.child.kill('SIGKILL');
  await firstReader.ended;
  await writing;
  const lastReader = await startReader();
  await sql(`update "user" set name = name || '!'`);
  await second;
  const { rows } = await sql(`insert into "user" values (1000, 'last@example.com', 'Last') returning id`);
  await until('the last change is delivered', async () => copies.has(rows[0].id), 60_000);
  await until(
    'nothing is left',
    async () => (await deliveries(`state in ('waiting', 'ready', 'claimed', 'started', 'dead')`)) === 0,
    60_000,
  );
  lastReader.child.kill('SIGTERM');
  expect(await lastReader.ended).toMatchObject({ code: 0 });
}, 150_000);

afterAll(async () => {
  for (const { child } of processes) child.kill('SIGKILL');
  await Promise.all(processes.map(({ ended }) => ended));
  other?.closeAllConnections();
  other?.close();
  await fixture?.close();
  folder?.remove();
});

const sql = (statement: string, values?: unknown[]) => fixture.database.ownerPool.query(statement, values);

async function deliveries(condition: string): Promise<number> {
  const { rows } = await sql(`select count(*)::integer as units from tidemark.work where workflow = 'delivery' and ${condition}`);
  return rows[0].units;
}

const startWorker = () => start('worker', fixture.database.appUrl);
const startReader = () => start('cdc', fixture.url);

async function start(command: 'worker' | 'cdc', databaseUrl: string): Promise<RunningCli> {
  const env = {
    DATABASE_URL: databaseUrl,
    TEMPORAL_ADDRESS: temporalAddress(),
    SYNC_URL: `http://127.0.0.1:${(other.address() as AddressInfo).port}/users`,
  };
  const running = startCli([command, '--app', 'reactions/tidemark.config.js'], { cwd: folder.path, env, timeoutMs: 150_000 });
  processes.push(running);
  await running.waitFor('"msg":"running"', 60_000);
  return running;
}

async function storedChanges(): Promise<number> {
  const { rows } = await sql(`select count(*)::integer as changes from tidemark.message where topic like 'changes.%'`);
  return rows[0].changes;
}

/** Rows by chance, some of them in a transaction that is rolled back. */
async function write(seed: number, count: number): Promise<void> {
  const random = createRandom(seed);
  const user = () => random.integer(1, USERS);
  const post = () => random.integer(1, POSTS);
  for (let number = 0; number < count; number += 1) {
    const id = seed * 10_000 + number;
    const end = random.chance(0.1) ? 'rollback' : 'commit';
    const of = [
      () =>
        `insert into "user" values (${user()}, 'a${id}@example.com', 'Name ${id}') on conflict (id) do update set email = excluded.email`,
      () => `insert into post select ${post()}, u.id, 'Title ${id}', 'Body ${id}' from "user" u where u.id = ${user()}
             on conflict (id) do update set title = excluded.title`,
      () => `insert into vote select p.id, u.id, p.author_id, ${random.chance(0.7) ? 1 : -1} from post p, "user" u where p.id = ${post()} and u.id = ${user()}
             on conflict (post_id, user_id) do update set value = excluded.value`,
      () => `delete from vote where post_id = ${post()} and user_id = ${user()}`,
      () =>
        `insert into comment select ${id}, p.id, u.id, 'Comment ${id}' from post p, "user" u where p.id = ${post()} and u.id = ${user()}`,
      () => `delete from post p where id = ${post()} and not exists (select 1 from comment c where c.post_id = p.id)`,
    ];
    await sql(`begin; ${random.pick([...of, of[2], of[4]] as (() => string)[])()}; ${end}`);
  }
}

test('the other service has each user as it is, and none that is not', async () => {
  const { rows } = await sql('select id, email, name from "user" order by id');
  expect([...copies].sort(([a], [b]) => a - b)).toEqual(rows.map(({ id, ...rest }) => [id, rest]));
  // The worker had died in the middle of one.
  const { rows: again } = await sql(`select 1 from tidemark.work where group_name = 'user-sync' and attempt > 1`);
  expect(again.length).toBeGreaterThan(0);
});

test('each post that is there is in the index, as it is, and none that is not', async () => {
  const { rows } = await sql(`
    select p.id, i.post_id from post p full join post_index i on i.post_id = p.id
    where i.words is distinct from to_tsvector('simple', p.title || ' ' || p.body)`);
  expect(rows).toEqual([]);
  expect((await sql('select 1 from post_index')).rows.length).toBeGreaterThan(5);
});

test('the author of a post has heard once of each comment of somebody else', async () => {
  const { rows } = await sql(`
    select c.id, n.comment_id, n.user_id, p.author_id from (comment c join post p on p.id = c.post_id and p.author_id <> c.author_id)
    full join notification n on n.comment_id = c.id where n.user_id is distinct from p.author_id`);
  expect(rows).toEqual([]);
  expect((await sql('select 1 from notification')).rows.length).toBeGreaterThan(10);
});

test('the reputation of each author is the sum of the votes that stand', async () => {
  const { rows } = await sql(`
    select user_id, r.points, v.points as votes
    from (select user_id, points from reputation where points <> 0) r
    full join (select author_id as user_id, sum(value) as points from vote group by 1 having sum(value) <> 0) v using (user_id)
    where r.points is distinct from v.points`);
  expect(rows).toEqual([]);
  expect((await sql('select 1 from vote')).rows.length).toBeGreaterThan(10);
});
