/** Schedules on the page, as people have them: in a real browser, over a real server and a real Temporal. */
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { BROWSER_DEADLINE_MS, builtPage, launchBrowser, openPage } from '../support/browser.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { openSceneSchedules, sceneOptions } from '../support/documented-scene.ts';
import { startTestServer, type TestServer } from '../support/http-server.ts';
import { findBarriers, sidewaysPx } from '../support/page-fixture.ts';

let database: TestDatabase;
let server: TestServer;
let browser: Browser;
let scheduled: Awaited<ReturnType<typeof openSceneSchedules>>;

beforeAll(async () => {
  const [made, pageDir, launched] = await Promise.all([createTestDatabase(), builtPage(), launchBrowser()]);
  [database, browser] = [made, launched];
  scheduled = await openSceneSchedules(database);
  server = await startTestServer(database, { ...sceneOptions(), pageDir, schedules: scheduled.schedules });
}, BROWSER_DEADLINE_MS);
afterAll(async () => {
  await browser?.close();
  await server?.close();
  await scheduled?.close();
  await database?.drop();
});

test('a schedule is seen with its times, triggered to a job, paused and resumed', async () => {
  const opened = await openPage(browser, `${server.url}/#/jobs`);
  const { page } = opened;
  await page.getByRole('link', { name: 'schedules' }).click();
  const row = page.getByRole('row', { name: /newsletter/ });
  await row.getByText('0 10 * * *').waitFor();
  const [at = new Date()] = await scheduled.schedules.next('newsletter', 1);
  await row.locator(`time[datetime="${at.toISOString()}"]`).waitFor();

  await page.getByRole('button', { name: 'Trigger newsletter' }).click();
  await page.getByText('newsletter is enqueued now.').waitFor();
  await row.getByRole('link', { name: 'waiting' }).waitFor();
  await page.getByRole('button', { name: 'Pause newsletter' }).press('Enter');
  await row.getByText('paused', { exact: true }).waitFor();
  expect(await scheduled.schedules.read('newsletter')).toMatchObject({ paused: true });
  await page.getByRole('button', { name: 'Resume newsletter' }).waitFor();
  expect(await page.locator(':focus').getAttribute('aria-label')).toBe('Resume newsletter');
  await page.keyboard.press('Enter');
  await row.locator(`time[datetime="${at.toISOString()}"]`).waitFor();

  for (const [theme, width] of [
    ['light', 1280],
    ['dark', 360],
  ] as const) {
    await page.emulateMedia({ colorScheme: theme });
    await page.setViewportSize({ width, height: 740 });
    expect(await findBarriers(page)).toEqual([]);
    expect(await sidewaysPx(page)).toBe(0);
    await opened.screenshot(`schedules-${theme}-${width}`);
  }
  await row.getByRole('link', { name: 'waiting' }).click();
  await page.getByRole('heading', { name: /report:newsletter\/triggered\// }).waitFor();
  expect(opened.problems).toEqual([]);
  await opened.close();
});
