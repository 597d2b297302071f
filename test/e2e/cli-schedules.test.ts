/** `tidemark schedules`, as people call it: over a real Temporal. */
import { writeFileSync } from 'node:fs';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type CliResult, createFolder, runCliHere } from '../support/cli.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { temporalAddress } from '../support/servers.ts';

let folder: ReturnType<typeof createFolder>;
let database: TestDatabase;

beforeAll(async () => {
  folder = createFolder();
  database = await createTestDatabase();
  writeApp('ten', `['news', { name: 'news', cron: '0 10 * * *', timezone: 'Europe/Berlin', job: { name: 'send' } }]`);
  writeApp('eleven', `['news', { name: 'news', cron: '0 11 * * *', timezone: 'Europe/Berlin', job: { name: 'send' } }]`);
  writeApp('none', '');
});
afterAll(async () => {
  await cli('schedules', 'apply', '--app', 'none.mjs');
  await database?.drop();
  folder?.remove();
});

/** An app with a copy of the package of its own: it is known by its shape. */
function writeApp(name: string, schedules: string): void {
  writeFileSync(
    join(folder.path, `${name}.mjs`),
    `export default { schema: 'tidemark', registry: { logTypes: new Map(), entryWork: new Map(), workers: new Map(), schedules: new Map([${schedules}]) } };`,
  );
}

function cli(...args: string[]): Promise<CliResult> {
  const env = { DATABASE_URL: database.appUrl, TEMPORAL_ADDRESS: temporalAddress(), TIDEMARK_BLOBS: 'postgres:' };
  return runCliHere(args, { cwd: folder.path, env });
}
const json = async (...args: string[]) => JSON.parse((await cli(...args, '--json')).stdout);

/** Enqueued by whoever runs this. */
async function jobsOfMine(): Promise<number> {
  const { rows } = await database.pool.query('select count(*)::integer as jobs from tidemark.work where actor = $1', [userInfo().username]);
  return rows[0].jobs;
}

describe('one after another:', () => {
  test('plan says what apply would do, with exit code 1; apply does it; doctor says what is not so', async () => {
    const plan = await cli('schedules', 'plan', '--app', 'ten.mjs');
    expect(plan).toEqual({ code: 1, stdout: '+ news: new\nTo change: 1 of 1.\n', stderr: '' });
    const doctor = async (app: string) => {
      const { findings } = await json('doctor', '--app', app);
      return findings.filter(({ check }: { check: string }) => check === 'schedules').map(({ found }: { found: string }) => found);
    };
    expect(await doctor('ten.mjs')).toEqual(['news: not in Temporal, it fires nothing']);
    expect(await cli('schedules', 'apply', '--app', 'ten.mjs')).toMatchObject({ code: 0, stdout: '+ news: new\nChanged: 1 of 1.\n' });
    expect(await cli('schedules', 'plan', '--app', 'ten.mjs')).toEqual({
      code: 0,
      stdout: '  news\nAll is as the app says.\n',
      stderr: '',
    });
    expect(await doctor('eleven.mjs')).toEqual(['news: other than the app says in cron']);
    const changed = await cli('schedules', 'apply', '--app', 'eleven.mjs');
    expect(changed.stdout).toBe('~ news: cron "0 10 * * *" → "0 11 * * *"\nChanged: 1 of 1.\n');
  });

  test('list and next show its times, in UTC and in its zone', async () => {
    const { schedules } = await json('schedules', 'list');
    expect(schedules).toMatchObject([
      { name: 'news', paused: false, action: { cron: '0 11 * * *', timezone: 'Europe/Berlin' }, firings: [] },
    ]);
    const next = await cli('schedules', 'next', 'news', '--count', '2');
    expect(next.stdout.trim().split('\n')).toEqual(
      [0, 1].map(() => expect.stringMatching(/^\d{4}-\d\d-\d\dT(09|10):00:00\.000Z .* 11:00:00 Europe\/Berlin$/)),
    );
    expect(next.stdout).toContain(schedules[0].next[0]);
    expect((await cli('schedules', 'list')).stdout).toMatch(/news\s+0 11 \* \* \* Europe\/Berlin\s+send\s+skip\s+\d{4}-/);
  });

  test('trigger enqueues; while that job waits it is skipped, with exit code 1', async () => {
    const triggered = await cli('schedules', 'trigger', 'news', '--actor', 'ann');
    expect(triggered).toMatchObject({ code: 0, stdout: expect.stringMatching(/^Enqueued send:news\/triggered\/[\w-]+\.\n$/) });
    const skipped = await cli('schedules', 'trigger', 'news');
    expect(skipped).toMatchObject({
      code: 1,
      stdout: expect.stringMatching(/^Skipped: send:news\/triggered\/.* still waits or runs\. Use --overlap allow/),
    });
    expect(await json('schedules', 'trigger', 'news', '--overlap', 'allow')).toMatchObject({ schedule: 'news', answer: 'created' });
    expect((await database.pool.query('select actor from tidemark.work order by created_at limit 1')).rows).toEqual([{ actor: 'ann' }]);
    expect(await jobsOfMine()).toBe(1);
  });

  test('pause and resume, and the times that were missed are filled in once', async () => {
    expect((await cli('schedules', 'pause', 'news', '--note', 'moving')).stdout).toBe('Schedule news is paused.\n');
    expect((await cli('schedules', 'list')).stdout).toContain('news (paused)');
    expect((await json('schedules', 'list')).schedules).toMatchObject([{ paused: true, note: 'moving', next: [] }]);
    expect(await json('schedules', 'resume', 'news')).toEqual({ schedule: 'news', paused: false });
    const range = ['--from', '2024-03-30T00:00:00+01:00', '--to', '2024-04-01T00:00:00+02:00'];
    expect((await cli('schedules', 'backfill', 'news', ...range)).stdout).toBe('2 times: 2 jobs enqueued, 0 had theirs, 0 skipped.\n');
    expect(await json('schedules', 'backfill', 'news', ...range)).toMatchObject({ created: 0, existed: 2 });
    expect(await jobsOfMine()).toBe(3);
    const { rows } = await database.pool.query(`select id from tidemark.work where id like '%2024%' order by id`);
    expect(rows.map(({ id }) => decodeURIComponent(id))).toEqual([
      'job/send/news/2024-03-30T10:00:00Z',
      'job/send/news/2024-03-31T09:00:00Z',
    ]);
  });
});

test('what is wrong is said in one line: 2 where it was called wrongly, 1 where it failed', async () => {
  const backfill = ['schedules', 'backfill', 'news', '--to', '2024-04-01T00:00:00Z'];
  expect(await cli(...backfill, '--from', '2024-03-30')).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('ISO 8601 with its offset'),
  });
  expect(await cli(...backfill)).toMatchObject({ code: 2, stderr: expect.stringContaining('--from') });
  expect(await cli(...backfill, '--from', '2024-04-02T00:00:00Z')).toMatchObject({
    code: 1,
    stderr: expect.stringContaining('not before it'),
  });
  expect(await cli('schedules', 'trigger', 'news', '--overlap', 'perhaps')).toMatchObject({ code: 2 });
  expect(await cli('schedules', 'next', 'nowhere')).toMatchObject({
    code: 1,
    stderr: "tidemark: There is no schedule 'nowhere' in Temporal. Run 'tidemark schedules apply', or check the name.\n",
  });
});
