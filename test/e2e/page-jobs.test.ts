/** Jobs on the page, as people have it: in a real browser, over a real server. The jobs run in this process, one after the other. */
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { z } from 'zod';
import { defineJob, type JobContext, NonRetryableError } from '../../src/index.ts';
import { runUntilIdle } from '../../src/testing.ts';
import { BROWSER_DEADLINE_MS, builtPage, launchBrowser, openPage, type PageOptions } from '../support/browser.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { startTestServer, type TestServer } from '../support/http-server.ts';
import { findBarriers, sidewaysPx, UI_URL } from '../support/page-fixture.ts';

let handle: (context: JobContext) => unknown = () => undefined;
const report = defineJob({ name: 'report', input: z.object({ month: z.string() }), handler: (_, context) => handle(context) });
let database: TestDatabase;
let server: TestServer;
let browser: Browser;

beforeAll(async () => {
  const [made, pageDir, launched] = await Promise.all([createTestDatabase(), builtPage(), launchBrowser()]);
  [database, browser] = [made, launched];
  server = await startTestServer(database, { jobs: [report], pageDir, uiUrl: UI_URL, events: { pollMs: 100 } });
}, BROWSER_DEADLINE_MS);
afterAll(async () => {
  await browser?.close();
  await server?.close();
  await database?.drop();
});

const open = (hash: string, options?: PageOptions) => openPage(browser, `${server.url}/${hash}`, options);
const later = { notBefore: new Date(Date.now() + 3_600_000) };
const enqueue = (id: string, options = {}) => server.tidemark.enqueue(report, { month: '2026-11' }, { id, actor: 'ann', ...options });

function gate() {
  let pass = () => {};
  const passed = new Promise<void>((resolve) => {
    pass = resolve;
  });
  return { pass, passed };
}

test('a job is seen as it moves on, fails, is redriven, and is done', async () => {
  const half = gate();
  const end = gate();
  handle = async ({ progress, logger }) => {
    await progress({ fraction: 0.25, message: 'reading', counts: { rows: 1_200 } });
    logger.info('half of them', { rows: 600 });
    await half.passed;
    await progress({ fraction: 0.75, message: 'writing' });
    await end.passed;
    throw new NonRetryableError('no such month');
  };
  await enqueue('november');
  const opened = await open('#/jobs');
  const { page } = opened;
  await page
    .getByRole('row', { name: /report:november/ })
    .getByText('waiting')
    .waitFor();
  const ran = runUntilIdle(server.tidemark);
  await page.getByRole('progressbar', { name: 'Progress of report:november' }).waitFor();
  await page.getByRole('link', { name: 'report:november' }).click();
  await page.getByRole('heading', { name: 'report:november' }).waitFor();
  await page.getByText('reading · rows 1,200').waitFor();
  await page.getByText('half of them').waitFor();
  half.pass();
  await page.getByText('75 %').waitFor();
  end.pass();
  await ran;
  await page.getByRole('button', { name: 'Redrive' }).waitFor();
  await page.getByRole('region', { name: 'Attempts that failed' }).getByText('no such month').waitFor();
  expect(await page.getByRole('button', { name: 'Cancel job' }).count()).toBe(0);
  handle = () => ({ total: 42 });
  await page.getByRole('button', { name: 'Redrive' }).click();
  await page.getByText('It runs again.').waitFor();
  await runUntilIdle(server.tidemark);
  await page.getByRole('region', { name: 'Result' }).getByText('"total": 42').first().waitFor();
  await page.getByText('100 %').waitFor();
  expect(opened.problems).toEqual([]);
  await opened.close();
});

test('one that waits goes first, and is cancelled by the keyboard, once somebody has said so twice', async () => {
  const job = await enqueue('later', later);
  await enqueue('other', later);
  const opened = await open('#/jobs?state=waiting');
  const { page } = opened;
  await page.getByRole('row').nth(2).waitFor();
  expect(await page.getByRole('row').count()).toBe(3);
  await page.getByRole('link', { name: 'report:later' }).press('Enter');
  await page.getByText('Not before').waitFor();
  await page.getByRole('button', { name: 'Run now' }).press('Enter');
  await page.getByText('It goes first.').waitFor();
  // The keyboard is where it was: what comes next is about this job.
  await page.keyboard.press('Tab');
  expect(await page.locator(':focus').textContent()).toBe('Run now');
  await page.getByText('-100').waitFor();
  await page.getByRole('button', { name: 'Cancel job' }).press('Enter');
  const dialog = page.getByRole('dialog', { name: 'Cancel this job?' });
  await dialog.getByRole('button', { name: 'Keep it' }).press('Enter');
  expect(await page.locator(':focus').textContent()).toBe('Cancel job');
  expect((await job.status()).state).toBe('waiting');
  await page.getByRole('button', { name: 'Cancel job' }).press('Enter');
  await dialog.getByRole('button', { name: 'Cancel job' }).press('Enter');
  await page.getByText('It is cancelled.').waitFor();
  expect(await page.locator(':focus').getAttribute('aria-label')).toBe('Progress');
  await page.locator('.page-head').getByText('cancelled').waitFor();
  expect((await job.status()).state).toBe('cancelled');
  expect(opened.problems).toEqual([]);
  await opened.close();
});

test('one that somebody else redrives is dead no more, and is followed again', async () => {
  handle = () => {
    throw new NonRetryableError('no such month');
  };
  const job = await enqueue('december');
  const opened = await open('#/jobs/report%3Adecember');
  const { page } = opened;
  await runUntilIdle(server.tidemark);
  await page.getByRole('button', { name: 'Redrive' }).waitFor();
  const half = gate();
  handle = async ({ progress }) => {
    await progress({ fraction: 0.5, message: 'once more' });
    await half.passed;
  };
  await job.redrive();
  const ran = runUntilIdle(server.tidemark);
  await page.getByText('once more').waitFor();
  expect(await page.getByRole('button', { name: 'Redrive' }).count()).toBe(0);
  await page.getByRole('button', { name: 'Cancel job' }).waitFor();
  half.pass();
  await ran;
  await page.getByText('100 %').waitFor();
  expect(opened.problems).toEqual([]);
  await opened.close();
});

test('nobody is kept out, in light and dark, on a desk and a phone', async () => {
  await database.ownerPool.query(
    `update tidemark.work set state = 'claimed', execution = 'x/' || id, progress = '{"fraction":0.4,"message":"a long message that says what it is at just now","counts":{"rows":123456}}' where id = 'job/report/other'`,
  );
  for (const [hash, name] of [
    ['#/jobs', 'jobs'],
    ['#/jobs/report%3Anovember', 'job'],
    ['#/jobs/report%3Aother', 'job-running'],
  ] as const) {
    const opened = await open(hash);
    const { page } = opened;
    await page.getByRole('progressbar').first().waitFor();
    for (const [theme, width] of [
      ['light', 1280],
      ['dark', 390],
    ] as const) {
      await page.emulateMedia({ colorScheme: theme });
      await page.setViewportSize({ width, height: 800 });
      const barriers = await findBarriers(page, theme === 'dark' ? { rules: ['color-contrast'] } : {});
      expect({ hash, theme, barriers }).toEqual({ hash, theme, barriers: [] });
      expect(await sidewaysPx(page)).toBe(0);
      await opened.screenshot(`${name}-${theme}-${width}`);
    }
    await opened.close();
  }
});

test('however many come while more are looked at, none is missing', async () => {
  const many = async (from: number, to: number) => {
    for (let number = from; number <= to; number += 1) await enqueue(`many-${number}`, later);
  };
  await many(1, 55);
  const opened = await open('#/jobs?name=report&state=waiting');
  const { page } = opened;
  const links = page.getByRole('link', { name: /^report:many-/ });
  await page.getByRole('link', { name: 'report:many-55' }).waitFor();
  await page.getByRole('button', { name: 'More jobs' }).click();
  await page.getByRole('link', { name: 'report:many-1', exact: true }).waitFor();
  await many(56, 60);
  await page.getByRole('link', { name: 'report:many-60' }).waitFor();
  expect(await links.allTextContents()).toEqual(Array.from({ length: 60 }, (_, index) => `report:many-${60 - index}`));
  await opened.close();
});
