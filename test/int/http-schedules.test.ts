/** Schedules by `tidemark/client`: what each call answers, who may do it, and what is sent again where an answer is lost. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { connect, ScheduleNotFoundError, type TidemarkClient } from '../../src/client.ts';
import { InvalidInputError, UnavailableError } from '../../src/index.ts';
import type { Scope } from '../../src/tokens/scopes.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { openSceneSchedules } from '../support/documented-scene.ts';
import { startTestServer, type TestServer } from '../support/http-server.ts';
import { askForTokens, makeToken } from '../support/http-tokens.ts';

let database: TestDatabase;
let scene: Awaited<ReturnType<typeof openSceneSchedules>>;
let server: TestServer;
let client: TidemarkClient;

beforeAll(async () => {
  database = await createTestDatabase();
  scene = await openSceneSchedules(database);
  server = await startTestServer(database, { ...askForTokens(database), schedules: scene.schedules });
  client = await clientWith('jobs', 'admin');
});
afterAll(async () => {
  client?.close();
  await server?.close();
  await scene?.close();
  await database?.drop();
});

async function clientWith(...scopes: Scope[]): Promise<TidemarkClient> {
  return connect({ url: server.url, token: (await makeToken(database, { scopes })).token });
}

test('list and get say what there is, next when it is due', async () => {
  const { schedules } = await client.schedules.list();
  expect(schedules).toMatchObject([{ name: 'newsletter', cron: '0 10 * * *', timezone: 'Europe/Berlin', job: 'report', paused: false }]);
  expect(await client.schedules.get('newsletter')).toEqual(schedules[0]);
  const { next } = await client.schedules.next('newsletter', { limit: 2 });
  expect(next).toEqual(schedules[0]?.next.slice(0, 2));
});

test('pause and resume answer what it is then, with why', async () => {
  expect(await client.schedules.pause('newsletter', { note: 'holidays' })).toEqual({ schedule: 'newsletter', paused: true });
  expect(await client.schedules.get('newsletter')).toMatchObject({ paused: true, note: 'holidays', next: [] });
  expect(await client.schedules.resume('newsletter')).toEqual({ schedule: 'newsletter', paused: false });
});

test('trigger and backfill answer the jobs that they have enqueued, which are the caller’s', async () => {
  const { answer, jobId } = await client.schedules.trigger('newsletter', { overlap: 'allow' });
  expect(answer).toBe('created');
  expect((await client.jobs.get(jobId)).actor).toBeDefined();
  const range = { from: new Date('2024-11-01T00:00:00Z'), to: new Date('2024-11-03T00:00:00Z') };
  const jobIds = ['report:newsletter/2024-11-01T09:00:00Z', 'report:newsletter/2024-11-02T09:00:00Z'];
  expect(await client.schedules.backfill('newsletter', range)).toEqual({ times: 2, created: 2, existed: 0, skipped: 0, jobIds });
  expect(await client.schedules.backfill('newsletter', range)).toMatchObject({ created: 0, existed: 2 });
  expect((await client.schedules.get('newsletter')).firings).toHaveLength(3);
});

test('what is wrong is the error that the library has for it', async () => {
  const { get, next, trigger, pause, resume } = client.schedules;
  for (const call of [get, next, trigger, pause, resume]) await expect(call('nowhere')).rejects.toThrow(ScheduleNotFoundError);
  await expect(get('nowhere')).rejects.toThrow("There is no schedule 'nowhere' in Temporal");
  const to = new Date(Date.now() + 86_400_000);
  await expect(client.schedules.backfill('newsletter', { from: new Date(), to })).rejects.toThrow(InvalidInputError);
});

test('who may read sees them, who may enqueue triggers them, and the rest is for admin', async () => {
  const [reader, enqueuer] = await Promise.all([clientWith('read'), clientWith('jobs')]);
  for (const each of [reader, enqueuer]) expect((await each.schedules.next('newsletter')).next).toHaveLength(10);
  await expect(reader.schedules.trigger('newsletter')).rejects.toMatchObject({ code: 'forbidden' });
  await expect(enqueuer.schedules.pause('newsletter')).rejects.toMatchObject({ code: 'forbidden' });
  const range = { from: new Date('2024-11-01T00:00:00Z'), to: new Date('2024-11-01T00:00:00Z') };
  await expect(enqueuer.schedules.backfill('newsletter', range)).rejects.toMatchObject({ code: 'forbidden' });
  for (const each of [reader, enqueuer]) each.close();
});

test('where an answer is lost a pause is sent again, a trigger and a backfill are not', async () => {
  const sent: string[] = [];
  const lost: typeof fetch = async (url) => {
    sent.push(new URL(String(url)).pathname.split('/').at(-1) as string);
    throw new TypeError('fetch failed');
  };
  const cut = connect({ url: server.url, fetch: lost, retries: 1 });
  await expect(cut.schedules.pause('newsletter')).rejects.toThrow(UnavailableError);
  await expect(cut.schedules.trigger('newsletter')).rejects.toThrow(UnavailableError);
  await expect(cut.schedules.backfill('newsletter', { from: new Date(0), to: new Date(0) })).rejects.toThrow(UnavailableError);
  expect(sent).toEqual(['pause', 'pause', 'trigger', 'backfill']);
  cut.close();
});
