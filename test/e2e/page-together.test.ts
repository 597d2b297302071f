/** Two people in two browsers at one sheet, while the processes behind it are killed: what each of them sees, and what there is in the end. */
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import { findFreePort } from '../../src/embedded/ports.ts';
import { BROWSER_DEADLINE_MS, launchBrowser, type OpenedPage, openPage } from '../support/browser.ts';
import { createFolder, type RunningCli, startCli } from '../support/cli.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { until } from '../support/until.ts';

const SHEET = 'together';
let database: TestDatabase;
let browser: Browser;
let port: number;
const blobs = createFolder();
const running = new Set<RunningCli>();

beforeAll(async () => {
  [database, browser, port] = await Promise.all([createTestDatabase(), launchBrowser(), findFreePort()]);
}, BROWSER_DEADLINE_MS);

afterAll(async () => {
  await browser?.close();
  await Promise.all([...running].map(kill));
  await database?.drop();
  blobs.remove();
});

/** Up when it is returned. */
async function start(door: 'server' | 'worker'): Promise<RunningCli> {
  const process = startCli(door === 'server' ? ['server', '--port', String(port)] : ['worker'], {
    cwd: blobs.path,
    timeoutMs: 300_000,
    env: {
      DATABASE_URL: database.appUrl,
      TEMPORAL_ADDRESS: inject('temporalAddress'),
      TIDEMARK_BLOBS: blobs.path,
      TIDEMARK_AUTH: 'off',
    },
  });
  running.add(process);
  await process.waitFor('"running"', 60_000);
  return process;
}

async function kill(process: RunningCli): Promise<void> {
  process.child.kill('SIGKILL');
  await process.ended;
  running.delete(process);
}

const says = (page: Page) => page.locator('.sheet-saved').textContent();
const saysUntil = (page: Page, expected: string | RegExp) =>
  expect.poll(() => says(page), { timeout: 60_000 }).toMatch(typeof expected === 'string' ? new RegExp(`^${expected}$`) : expected);

/** Down a column, a number a row, until told to stop. @returns what was typed */
function typeOn({ page }: OpenedPage): { stop(): Promise<number[]> } {
  const typed: number[] = [];
  let stopped = false;
  const typing = (async () => {
    while (!stopped) {
      const value = typed.length + 1;
      typed.push(value);
      // As a person does.
      await page.keyboard.type(String(value), { delay: 60 });
      await page.keyboard.press('Enter');
    }
  })();
  // Of a page that is gone: whoever stops it is told.
  typing.catch(() => {});
  return {
    async stop() {
      stopped = true;
      await typing;
      return typed;
    },
  };
}

test('worker and server are killed and started again while two write: both see it, go on, and end with the same cells, each written once', async () => {
  let server = await start('server');
  const url = `http://127.0.0.1:${port}`;
  const made = await fetch(`${url}/logs`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: `{"id":"${SHEET}"}` });
  expect(made.status).toBe(201);
  await database.ownerPool.query(`update tidemark.logs set snapshot_every = 20 where id = $1`, [SHEET]);
  let worker = await start('worker');
  const pending = async (): Promise<number> => (await (await fetch(`${url}/logs/${SHEET}`)).json()).pending;
  const open = async () => {
    const opened = await openPage(browser, `${url}/#/sheets/${SHEET}`);
    await opened.page.getByRole('grid').waitFor();
    await saysUntil(opened.page, 'saved');
    await opened.page.getByRole('grid').focus();
    return opened;
  };
  const ada = await open();
  const grace = await open();
  await grace.page.keyboard.press('ArrowRight');
  const writers = [typeOn(ada), typeOn(grace)];

  // Twice each, and both at once.
  for (const round of [1, 2]) {
    await kill(server);
    await Promise.all([ada, grace].map(({ page }) => saysUntil(page, 'reconnecting')));
    if (round === 2) await kill(worker);
    server = await start('server');
    if (round === 2) worker = await start('worker');
    const before = await entries();
    await until('entries arrive again', async () => (await entries()) > before + 10, 60_000);
  }
  await kill(worker);
  await until('a snapshot is asked for', async () => (await pending()) > 0, 60_000);
  const [typedByAda, typedByGrace] = (await Promise.all(writers.map((writer) => writer.stop()))) as [number[], number[]];
  await saysUntil(ada.page, /^worker away: \d+ waiting$/);
  worker = await start('worker');
  await Promise.all([ada, grace].map(({ page }) => saysUntil(page, 'saved')));
  expect(await entries()).toBe(typedByAda.length + typedByGrace.length);

  const rows = Math.max(typedByAda.length, typedByGrace.length);
  const expected = Array.from({ length: rows }, (_, row) => [typedByAda[row] ?? null, typedByGrace[row] ?? null]);
  const answer = await (await fetch(`${url}/logs/${SHEET}/cells?range=A1:B${rows}`)).json();
  expect(answer.rows.map((row: ({ value: unknown } | null)[]) => row.map((cell) => cell?.value ?? null))).toEqual(expected);
  for (const { page } of [ada, grace]) {
    await page.keyboard.press('Control+Home');
    await expect.poll(() => page.locator('#cell-A1').textContent()).toBe('1');
    const shown = [0, 1, 2].map(async (row) => [
      await page.locator(`#cell-A${row + 1}`).textContent(),
      await page.locator(`#cell-B${row + 1}`).textContent(),
    ]);
    expect(await Promise.all(shown)).toEqual([1, 2, 3].map((value) => [String(value), String(value)]));
  }
  await until('every snapshot that was asked for is taken', async () => (await pending()) === 0, 60_000);
  await Promise.all([ada.close(), grace.close()]);
}, 240_000);

async function entries(): Promise<number> {
  const { rows } = await database.pool.query(`select next_sequence_id from tidemark.logs where id = $1`, [SHEET]);
  return Number(rows[0].next_sequence_id);
}
