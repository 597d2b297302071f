/** Garbage collection as an installation has it: a schedule in Temporal, a unit of work, and the command. */
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createDirectoryBlobStore } from '../../src/blob-store/directory-blob-store.ts';
import type { GarbageSchedule } from '../../src/temporal/keep-schedules.ts';
import { scheduleIdOf } from '../../src/temporal/schedule-settings.ts';
import { installationId } from '../../src/work/register.ts';
import { runCli } from '../support/cli.ts';
import { collectedSheet } from '../support/garbage.ts';
import { temporalAddress } from '../support/servers.ts';
import { createTidemarkFixture, type TidemarkFixture } from '../support/tidemark-fixture.ts';
import { until } from '../support/until.ts';

let fixture: TidemarkFixture;
let scheduleId: string;

beforeAll(async () => {
  fixture = await createTidemarkFixture();
  scheduleId = scheduleIdOf(await installationId(fixture.work.db), 'collect-garbage');
});
afterAll(() => fixture.close());

const store = () => createDirectoryBlobStore({ path: fixture.blobsPath });
const garbage: GarbageSchedule = { everyMs: 24 * 3_600_000, graceMs: 0 };
const HOUR_MS = 3_600_000;
const collect = (id: string) => fixture.work.db.query(`select tidemark.add_job('collect-garbage', $1, '{"graceMs":0}')`, [id]);

/** A sheet with a snapshot that it does not keep. */
async function sheetWithGarbage(id: string) {
  const log = await collectedSheet(fixture.database, store(), id);
  await log.snapshot(0, 'one');
  await log.snapshot(0, 'two');
  expect(await log.names()).toHaveLength(5);
  return log;
}

describe('by schedule', () => {
  test('a worker makes sure of it, what it fires is a unit, and the unit removes what nothing refers to', async () => {
    const log = await sheetWithGarbage('scheduled');
    const worker = await fixture.worker({ starter: { garbage } });
    const handle = (await fixture.client()).schedule.getHandle(scheduleId);
    const { spec, action } = await until('the schedule is there', () => handle.describe().catch(() => undefined));
    expect(spec.intervals).toMatchObject([{ every: 24 * HOUR_MS }]);
    expect(action).toMatchObject({
      type: 'startWorkflow',
      workflowType: 'scheduled',
      args: [{ schedule: 'collect-garbage', job: 'collect-garbage', input: { graceMs: 0 } }],
    });

    await handle.trigger();
    const id = await until('its unit is there', async () =>
      Object.keys(await fixture.work.states()).find((unit) => unit.startsWith('job/')),
    );
    expect(id).toMatch(/^job\/collect-garbage\/collect-garbage%2F\d{4}-\d\d-\d\dT/);
    await fixture.untilState(id, 'done');
    expect((await fixture.work.row(id)).result).toMatchObject({ logs: 1, snapshots: 1, removed: 2, waiting: 0, missing: { count: 0 } });
    expect(await log.names()).toHaveLength(3);
    expect(await log.valueOf(0)).toBe('two');
    await worker.stop();
  });

  test('what is lost is counted, and said in the log of the worker; no unit fails of it', async () => {
    const log = await collectedSheet(fixture.database, store(), 'lost');
    const root = await log.snapshot(0, 'one');
    await log.blobs.removeBlob(root);
    const warnings: string[] = [];
    const worker = await fixture.worker({ starter: { garbage }, warn: (message) => warnings.push(message) });
    // Not by firing the schedule: within a second of the test before it would be the same unit.
    await collect('one');
    await until('it is counted', async () => (await fixture.counters()).missing_blob === 1, 30_000);
    await fixture.untilAll(['done']);
    expect(warnings).toEqual(expect.arrayContaining([expect.stringContaining(`lost/${root}`)]));
    await fixture.work.db.query(`delete from tidemark.logs where id = 'lost'`);
    await collect('another-one');
    await until('it is counted no more', async () => (await fixture.counters()).missing_blob === 0, 30_000);
    await worker.stop();
  });

  test('a starter brings it up to date, leaves it paused where it is, and removes it where it is turned off', async () => {
    const client = await fixture.client();
    const handle = client.schedule.getHandle(scheduleId);
    await handle.pause('by a person');
    const first = await fixture.worker({ starter: { garbage: { everyMs: HOUR_MS, graceMs: 60_000 } } });
    await until('it is up to date', async () => (await handle.describe()).spec.intervals?.[0]?.every === HOUR_MS);
    expect(await handle.describe()).toMatchObject({ state: { paused: true }, action: { args: [{ input: { graceMs: 60_000 } }] } });
    await first.stop();
    const second = await fixture.worker({ starter: { garbage: { everyMs: undefined } } });
    await until('it is gone', async () =>
      handle.describe().then(
        () => false,
        (error) => error.name === 'ScheduleNotFoundError',
      ),
    );
    await second.stop();
  });
});

describe('by hand', () => {
  const cli = async (args: string[]) => {
    const env = { DATABASE_URL: fixture.database.appUrl, TEMPORAL_ADDRESS: temporalAddress(), TIDEMARK_BLOBS: fixture.blobsPath };
    return runCli(args, { cwd: join(fixture.blobsPath, '..'), env });
  };

  test('tidemark gc says what it would do, does it when the time has come, and tells what it did', async () => {
    const log = await sheetWithGarbage('by-hand');
    const dry = await cli(['gc', 'by-hand', '--dry-run', '--grace', '1h']);
    expect(dry).toMatchObject({ code: 0, stderr: '' });
    expect(dry.stdout).toBe(
      'Would remove 0 blobs of 5 in 1 log.\n1 snapshot would be let go of.\n2 blobs more that nothing refers to; the grace period is 60 min.\n',
    );
    expect(await log.marks()).toEqual([]);
    expect(JSON.parse((await cli(['gc', 'by-hand', '--grace', '1h', '--json'])).stdout)).toMatchObject({
      removed: 0,
      waiting: 2,
      dryRun: false,
    });
    await log.age(2);
    expect((await cli(['gc', 'by-hand', '--grace', '1h'])).stdout).toBe('Removed 2 blobs of 5 in 1 log.\n');
    expect(await log.names()).toHaveLength(3);
    expect(await log.valueOf(0)).toBe('two');
  });

  test('tidemark gc fails, naming them, where blobs are missing or a log is of an unknown type', async () => {
    const log = await collectedSheet(fixture.database, store(), 'broken');
    await log.snapshot(0, 'one');
    const tile = (await log.names()).find((name) => name.startsWith('tile-')) as string;
    await log.blobs.removeBlob(tile);
    const missing = await cli(['gc', 'broken']);
    expect(missing).toMatchObject({ code: 1, stderr: expect.stringContaining(`broken/${tile}`) });
    await fixture.work.log('foreign', 'of-an-app');
    const foreign = await cli(['gc', 'foreign']);
    expect(foreign).toMatchObject({ code: 1, stderr: expect.stringContaining("'foreign' is not collected") });
    expect(await cli(['gc', 'nowhere'])).toMatchObject({ code: 1, stderr: expect.stringContaining("There is no log 'nowhere'") });
    expect(await cli(['gc', '--grace', 'soon'])).toMatchObject({ code: 2 });
  });

  test('tidemark retention shows and sets what a log keeps', async () => {
    await fixture.work.log('keeps', 'sheet');
    expect((await cli(['retention', 'keeps'])).stdout).toBe(
      'keeps keeps its 10 newest snapshots, and the last one of each of the last 30 days.\n',
    );
    const set = await cli(['retention', 'keeps', '--keep-snapshots', '3', '--keep-days', '0', '--json']);
    expect(JSON.parse(set.stdout)).toEqual({ log: 'keeps', keepSnapshots: 3, keepDays: 0 });
    expect((await cli(['retention', 'keeps', '--keep-days', '7'])).stdout).toBe(
      'keeps keeps its 3 newest snapshots, and the last one of each of the last 7 days.\n',
    );
    expect(await cli(['retention', 'keeps', '--keep-snapshots', '0'])).toMatchObject({ code: 2 });
    expect(await cli(['retention', 'nowhere', '--keep-days', '1'])).toMatchObject({ code: 1 });
  });
});
