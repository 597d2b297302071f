/** The API's documentation in a real browser, below a base path: it is shown, it can be tried, and it asks nobody else for anything. */
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { BROWSER_DEADLINE_MS, launchBrowser, openPage } from '../support/browser.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { startTestServer, type TestServer } from '../support/http-server.ts';

let database: TestDatabase;
let server: TestServer;
let browser: Browser;

beforeAll(async () => {
  database = await createTestDatabase();
  server = await startTestServer(database, { basePath: '/tide' });
  browser = await launchBrowser();
}, BROWSER_DEADLINE_MS);
afterAll(async () => {
  await browser?.close();
  await server?.close();
  await database?.drop();
});

test('every route is shown, and one that is tried is answered', { timeout: 60_000 }, async () => {
  const { page, problems, close } = await openPage(browser, `${server.url}/tide/docs/`);
  const routes = page.locator('.opblock');
  await routes.first().waitFor();
  const { paths } = (await server.request('GET', '/openapi.json')).body;
  expect(await routes.count()).toBe(Object.values(paths as Record<string, object>).flatMap((path) => Object.keys(path)).length);

  const session = routes.filter({ has: page.locator('[data-path="/session"]') }).filter({ hasText: 'Who is asking' });
  await session.locator('.opblock-summary').click();
  await session.getByRole('button', { name: 'Try it out' }).click();
  await session.getByRole('button', { name: 'Execute' }).click();
  const answer = session.locator('.live-responses-table .response-col_description .highlight-code').first();
  await answer.waitFor();
  expect(await answer.textContent()).toContain('"actor": "tester"');
  expect(problems).toEqual([]);
  await close();
});
