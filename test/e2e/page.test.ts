/** The page as people have it: in a real browser, over a real server and a real worker. What they see is asserted, not what is behind it. */
import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { createAuthorizer } from '../../src/http/authorizer.ts';
import { applySubscriptions, createTidemark, defineTopics, defineWorker, sheet } from '../../src/index.ts';
import { pauseSubscription } from '../../src/messages/pause-subscription.ts';
import { createToken } from '../../src/tokens/create-token.ts';
import type { OpenedPage } from '../support/browser.ts';
import { BROWSER_DEADLINE_MS } from '../support/browser.ts';
import { createPageFixture, findBarriers, type PageFixture, sidewaysPx, UI_URL } from '../support/page-fixture.ts';

let fixture: PageFixture;

beforeAll(async () => {
  fixture = await createPageFixture();
}, BROWSER_DEADLINE_MS);
afterAll(() => fixture?.close());

/** The part of the page that a heading names. */
const section = ({ page }: OpenedPage, name: string) => page.getByRole('region', { name });
const cell = (value: number) => ({ type: 'SetCellValueAndFormat', row: 0, column: 0, value }) as const;

/** Nothing went wrong on it that a person does not see. */
async function closeClean(opened: OpenedPage): Promise<void> {
  expect(opened.problems).toEqual([]);
  await opened.close();
}

test('a sheet is made by its name, and found in the list', async () => {
  const opened = await fixture.open();
  const { page } = opened;
  await page.getByText('There are no sheets yet').waitFor();
  await page.getByLabel('Name', { exact: true }).fill('Not a name');
  await page.getByRole('button', { name: 'Create' }).click();
  await page.getByText('Use 1 to 100 of').waitFor();
  await page.getByLabel('Name', { exact: true }).fill('budget-2027');
  await page.keyboard.press('Enter');
  await page.waitForURL('**/#/sheets/budget-2027');
  expect(await page.title()).toBe('budget-2027 · Tidemark');
  await page.getByRole('link', { name: 'Sheets', exact: true }).first().click();
  await page.getByRole('row', { name: /budget-2027/ }).waitFor();
  await page.getByLabel('Name begins with').fill('z');
  await page.getByText('No sheet begins with “z”').waitFor();
  await closeClean(opened);
});

describe('a log', () => {
  test('shows entries as they come, with who wrote them, and goes back to earlier ones', async () => {
    const log = fixture.server.tidemark.log(sheet, 'budget-2027');
    for (let value = 0; value < 60; value += 1) await log.append(cell(value), { expect: 'any', actor: 'ines' });
    const opened = await fixture.open('#/logs/budget-2027');
    const { page } = opened;
    await page.getByText('live', { exact: true }).waitFor();
    await page.getByRole('listitem').filter({ hasText: 'A1 = 59' }).filter({ hasText: 'ines' }).waitFor();
    expect(await page.getByText('A1 = 9', { exact: true }).count()).toBe(0);
    await page.getByRole('button', { name: 'Earlier entries' }).click();
    await page.getByText('A1 = 9', { exact: true }).waitFor();
    await log.append(cell(1_234), { expect: 'any', actor: 'jon' });
    await page.getByRole('listitem').filter({ hasText: 'A1 = 1234' }).filter({ hasText: 'jon' }).waitFor();
    await opened.screenshot('log');
    await closeClean(opened);
  });

  test('shows the work of an entry waiting, running and done as it happens, with its execution in Temporal', async () => {
    await fixture.tidemark.shutGate('page');
    const [id = ''] = await fixture.tidemark.ask([{ gate: 'page' }], { prefix: 'live' });
    const opened = await fixture.open(`#/logs/${id.split('/')[1]}`);
    const entry = opened.page.getByRole('listitem').filter({ hasText: '#0' });
    await entry.getByText('waiting', { exact: true }).waitFor();
    const worker = await fixture.tidemark.workerProcess();
    await entry.getByText('running', { exact: true }).waitFor();
    const link = await entry.getByRole('link', { name: `Execution of ${id} in Temporal's web UI` }).getAttribute('href');
    expect(link).toContain(`${UI_URL}/namespaces/default/workflows/${encodeURIComponent(await fixture.tidemark.executionOf(id))}`);
    await fixture.tidemark.openGate('page');
    await entry.getByText('done', { exact: true }).waitFor();
    await entry.getByRole('link', { name: 'step', exact: true }).click();
    await opened.page.getByRole('heading', { name: id }).waitFor();
    await closeClean(opened);
    await worker.kill();
  }, 60_000);
});

test('a file that is dropped becomes a sheet, and a picture shows what each of its snapshots rewrote', async () => {
  const opened = await fixture.open();
  const { page } = opened;
  const csv = await readFile(new URL('../../examples/data/us-airports.csv', import.meta.url), 'utf8');
  const files = await page.evaluateHandle((text) => {
    const transfer = new DataTransfer();
    transfer.items.add(new File([text], 'US airports.csv', { type: 'text/csv' }));
    return transfer;
  }, csv);
  await page.getByRole('region', { name: 'Import a file' }).getByRole('button', { name: 'Choose a file' }).waitFor();
  await page.dispatchEvent('main', 'drop', { dataTransfer: files });
  await page.waitForURL('**/#/sheets/us-airports');
  await page.getByRole('status').getByText('Imported 3,377 rows into us-airports.').waitFor();

  await page.getByRole('link', { name: 'Show the log' }).click();
  const panel = page.getByRole('complementary', { name: 'Log and snapshots' });
  await panel.getByText('No snapshot has been taken yet.').waitFor();
  const worker = await fixture.tidemark.worker();
  const log = fixture.server.tidemark.log(sheet, 'us-airports');
  await log.append({ ...cell(1), row: 5_000 }, { expect: 'any', pending: 'snapshot' });
  const first = panel.getByRole('img', { name: /^(\d+) of \1 tiles rewritten$/ });
  await first.waitFor();
  await panel.getByText('nothing to keep: the first one').waitFor();
  await log.append({ ...cell(2), row: 1_000 }, { expect: 'any', actor: 'ines' });
  await log.append({ ...cell(3), row: 1_001 }, { expect: 'any', actor: 'ines', pending: 'snapshot' });
  await panel.getByRole('img', { name: /^2 of \d+ tiles rewritten$/ }).waitFor();
  await panel.getByText('kept from the snapshot before #').waitFor();
  expect(await panel.getByRole('button', { name: /^before #/ }).count()).toBe(2);
  await opened.screenshot('sheet-with-log');
  await closeClean(opened);
  await worker.stop();
}, 60_000);

describe('the work', () => {
  let dead: string[];

  beforeAll(async () => {
    await fixture.tidemark.worker();
    dead = await fixture.tidemark.ask([{ fails: 'no such user 17' }, { fails: 'no such user 18' }], { prefix: 'dead' });
    await fixture.tidemark.ask(
      Array.from({ length: 30 }, () => ({ takesMs: 20 })),
      { prefix: 'quick' },
    );
    await fixture.tidemark.ask([{ gate: 'work-page' }], { prefix: 'slow' });
    for (const id of dead) await fixture.tidemark.untilState(id, 'dead');
  }, 60_000);

  test('is counted by group, drawn, and listed by state', async () => {
    const opened = await fixture.open('#/work');
    const { page } = opened;
    const ledger = page.getByRole('table', { name: 'Units by group' }).getByRole('row', { name: /ledger/ });
    // As many may wait at that moment.
    const deadOnes = ledger.locator('a[href*="state=dead"]');
    await expect.poll(() => deadOnes.textContent()).toBe('2');
    for (const chart of ['Throughput', 'Latency', 'Depth', 'Oldest waiting']) {
      await page.getByRole('img', { name: new RegExp(`^${chart},`) }).waitFor();
    }
    await page
      .getByRole('img', { name: /^Throughput,.*ledger [1-9]/ })
      .locator('canvas')
      .waitFor();
    const running = page.getByRole('table', { name: 'Units that run now' });
    await running.getByRole('row', { name: /slow-.* running/ }).waitFor();
    await opened.screenshot('work');
    await fixture.tidemark.openGate('work-page');
    await running.waitFor({ state: 'detached' });
    await deadOnes.click();
    const units = page.getByRole('table', { name: 'Units, newest first' });
    await units.getByRole('row', { name: new RegExp(`${dead[0]}.*dead`) }).waitFor();
    expect(await units.getByRole('row').count()).toBe(3);
    await page.getByLabel('Error contains').fill('user 18');
    await units.getByRole('row').nth(2).waitFor({ state: 'detached' });
    await units
      .getByRole('row')
      .nth(1)
      .getByText(dead[1] as string)
      .waitFor();
    await closeClean(opened);
  });

  test('a dead unit says why, and where it came from', async () => {
    const opened = await fixture.open(`#/work/${encodeURIComponent(dead[0] as string)}`);
    const { page } = opened;
    const chain = page.getByRole('list', { name: 'Where it comes from and where it runs' });
    await chain.getByRole('link', { name: '#0' }).waitFor();
    expect(await chain.getByRole('listitem').allInnerTexts()).toEqual([
      expect.stringMatching(/^Entry\s+dead-\d+ #0$/),
      expect.stringMatching(/^Unit\s+step\s+dead$/),
      expect.stringMatching(/^Execution\s.* in Temporal ↗$/s),
    ]);
    await section(opened, 'Error').getByText('no such user 17').first().waitFor();
    await section(opened, 'Stack').getByText('    at ').waitFor();
    await closeClean(opened);
  });

  test('dead units of one error are redriven together, once a person has confirmed how many', async () => {
    const opened = await fixture.open('#/work');
    const { page } = opened;
    const error = section(opened, 'Dead, by error').getByRole('listitem').filter({ hasText: 'no such user' });
    await error.getByText('2', { exact: true }).waitFor();
    await error.getByRole('button', { name: /^Redrive/ }).click();
    const dialog = page.getByRole('dialog', { name: 'Redrive 2 dead units?' });
    await page.keyboard.press('Escape');
    await dialog.waitFor({ state: 'hidden' });
    await error.getByRole('button', { name: /^Redrive/ }).click();
    await dialog.getByRole('button', { name: 'Redrive 2' }).click();
    await page.getByRole('status').getByText('2 units run again.').waitFor();
    await page.getByText('Nothing is dead.').waitFor();
    await error.getByText('2', { exact: true }).waitFor({ timeout: 20_000 });
    await error.getByRole('button', { name: /^Discard/ }).click();
    await page.getByRole('button', { name: 'Discard 2' }).click();
    await page.getByRole('status').getByText('2 units discarded.').waitFor();
    await page.getByText('Nothing is dead.').waitFor();
    await closeClean(opened);
  }, 60_000);
});

describe('messages', () => {
  const topics = defineTopics({ 'order-placed': z.object({ orderId: z.string() }) });
  const mail = defineWorker(topics, { topic: 'order-placed', subscription: 'order-mail', handler: () => {}, maxMessages: 4 });
  let dead: string[];

  // Paused: no worker here knows them.
  beforeAll(async () => {
    const { database } = fixture.tidemark;
    const tidemark = createTidemark({ db: database.pool, topics, workers: [mail] });
    await applySubscriptions(database.db, [mail]);
    await pauseSubscription(database.db, 'order-mail', true);
    dead = [];
    for (const orderId of ['o-1', 'o-2', 'o-3']) {
      const { messageId } = await tidemark.publish(
        'order-placed',
        { orderId },
        { causationId: 'job/mail/100', attributes: { source: 'web' } },
      );
      dead.push(`delivery/order-mail/${messageId}`);
    }
    await tidemark.close();
    dead.pop();
    await database.ownerPool.query(`update tidemark.work set state = 'claimed' where id = any ($1)`, [dead]);
    await database.ownerPool.query(
      `update tidemark.work set state = 'dead', finished_at = now(), attempt = 5, error = '{"code": "handler_failed", "message": "The server said 550"}' where id = any ($1)`,
      [dead],
    );
  });

  test('are counted by subscription, and delivered again where a paused one is resumed', async () => {
    const opened = await fixture.open('#/messages');
    const { page } = opened;
    const row = page.getByRole('row').filter({ hasText: 'order-mail' });
    await row.getByText('paused').waitFor();
    expect(await row.getByRole('cell').allInnerTexts()).toEqual(['order-placed', '1', '0', '0', '2', expect.any(String), 'Resume']);
    await row.getByRole('button', { name: 'Resume order-mail' }).click();
    await page.getByRole('status').getByText('order-mail delivers again.').waitFor();
    await row.getByRole('button', { name: 'Pause order-mail' }).click();
    await page.getByRole('status').getByText('order-mail is paused: its messages wait.').waitFor();
    await row.getByText('paused').waitFor();
    await closeClean(opened);
  });

  test('that are dead show what they hold, lead to their delivery, and are redriven or discarded', async () => {
    const opened = await fixture.open('#/messages');
    const { page } = opened;
    const error = section(opened, 'Dead letters, by error').getByRole('listitem').filter({ hasText: 'The server said 550' }).first();
    await error.getByText('The newest messages').click();
    await error.getByText('"orderId": "o-2"').waitFor();
    await error.getByRole('link', { name: dead[0] as string }).click();
    const chain = page.getByRole('list', { name: 'Where it comes from and where it runs' });
    await chain.getByRole('link', { name: 'job/mail/100' }).waitFor();
    expect(await chain.getByRole('listitem').allInnerTexts()).toEqual([
      expect.stringMatching(/^Published by\s+job\/mail\/100$/),
      expect.stringMatching(/^Message\s+order-placed #\d+ \S+$/),
      expect.stringMatching(/^Unit\s+delivery\s+dead$/),
      expect.stringMatching(/^Execution\s/),
    ]);
    await section(opened, 'Message').getByText('"orderId": "o-1"').waitFor();
    await page.getByRole('button', { name: /^Redrive/ }).click();
    await page.getByRole('button', { name: 'Redrive 1' }).click();
    await section(opened, 'Decisions').getByText('Redriven').waitFor();
    await page.goto(`${fixture.server.url}/#/messages`);
    await error.getByRole('button', { name: /^Discard/ }).click();
    await page.getByRole('button', { name: 'Discard 1' }).click();
    await page.getByText('Every message was delivered, or still may be.').waitFor();
    await closeClean(opened);
  });
});

test('a hundred thousand dead units are one line, and a list that is read a page at a time', async () => {
  const { ownerPool } = fixture.tidemark.database;
  await ownerPool.query(`
    set session_replication_role = replica;
    insert into tidemark.work_group (name) values ('mail') on conflict do nothing;
    with error as (select '{ "code": "handler_failed", "message": "Mailbox full" }'::json as error)
    insert into tidemark.work (id, workflow, state, group_name, epoch, first_epoch, attempt, error, error_fingerprint, created_at, finished_at)
    select 'job/mail/' || n, 'job', 'dead', 'mail', n, n, 3, error, tidemark.error_fingerprint(error), now() - n * interval '1 second', now()
    from error, generate_series(1, 100000) n;
    reset session_replication_role`);
  const opened = await fixture.open('#/work?group=mail&state=dead');
  const { page } = opened;
  const error = section(opened, 'Dead, by error').getByRole('listitem').filter({ hasText: 'Mailbox full' });
  await error.getByRole('link', { name: 'List 100,000 units dead of handler_failed' }).waitFor();
  await error.getByRole('button', { name: /^Discard/ }).click();
  await page.getByRole('dialog', { name: 'Discard 100,000 dead units?' }).getByRole('button', { name: 'Cancel' }).click();
  const rows = page.getByRole('table', { name: 'Units, newest first' }).getByRole('row');
  await rows.nth(50).waitFor();
  expect(await rows.count()).toBe(51);
  await page.getByRole('button', { name: 'More units' }).click();
  await rows.nth(100).getByRole('link', { name: 'job/mail/100', exact: true }).waitFor();
  await closeClean(opened);
});

describe('whoever is there', () => {
  test('signs in with a token, which the page keeps nowhere, and signs out', async () => {
    const { db } = fixture.tidemark.database;
    const server = await fixture.serve(createAuthorizer({ auth: 'tokens', host: '127.0.0.1' }, db));
    const { token } = await createToken(db, { name: 'page', scopes: ['read'], actor: 'ines@example.org' });
    const opened = await fixture.open('#/work', { url: server.url });
    const { page } = opened;
    await page.getByLabel('Access token').waitFor();
    expect([await findBarriers(page), await sidewaysPx(page)]).toEqual([[], 0]);
    await page.getByLabel('Access token').fill('tmk_wrong');
    await page.getByRole('button', { name: 'Sign in' }).click();
    await page.getByRole('alert').filter({ hasText: 'token' }).waitFor();
    await page.getByLabel('Access token').fill(token);
    await page.getByRole('button', { name: 'Sign in' }).click();
    await page.getByRole('heading', { name: 'Work' }).waitFor();
    await page.getByText('ines@example.org').waitFor();
    expect(await page.evaluate(`document.cookie + JSON.stringify({ ...localStorage, ...sessionStorage })`)).not.toContain('tmk_');
    // With that scope nothing is offered that would be refused.
    await page.getByRole('link', { name: 'Sheets', exact: true }).click();
    await page.getByRole('heading', { name: 'Sheets' }).waitFor();
    expect(await page.getByRole('button', { name: 'Create' }).count()).toBe(0);
    const another = await fixture.open('#/asks-nothing', { url: server.url, context: opened.context });
    await another.page.getByRole('heading', { name: 'There is no such page' }).waitFor();
    await page.getByRole('button', { name: 'Sign out' }).click();
    await page.getByLabel('Access token').waitFor();
    // The session is one for all tabs: none goes on in the name of somebody who is not there.
    await another.page.getByLabel('Access token').waitFor();
    await another.close();
    await page.reload();
    await page.getByLabel('Access token').waitFor();
    expect(opened.problems.filter((problem) => !/status of 401/.test(problem))).toEqual([]);
    await opened.close();
  });

  test('is told while the server does not answer, and goes on when it does', async () => {
    const server = await fixture.serve();
    const port = Number(new URL(server.url).port);
    const opened = await fixture.open('#/work', { url: server.url });
    const { page } = opened;
    const groups = page.getByRole('table', { name: 'Units by group' });
    await groups.getByRole('link', { name: 'sheet' }).waitFor();
    await page.getByRole('status').filter({ hasText: 'Connected' }).waitFor();
    await server.close();
    await page.getByRole('status').filter({ hasText: 'Reconnecting' }).waitFor();
    // What was there is still to be seen.
    await groups.getByRole('link', { name: 'sheet' }).waitFor();
    await fixture.serve({ port });
    await page.getByRole('status').filter({ hasText: 'Connected' }).waitFor({ timeout: 20_000 });
    await opened.close();
  }, 60_000);
});

describe('the page', () => {
  const names: Record<string, string> = {
    '#/': 'sheets',
    '#/sheets/budget-2027?panel=log': 'sheet',
    '#/logs': 'logs',
    '#/logs/budget-2027': 'log',
    '#/messages': 'messages',
    '#/work': 'work',
    '#/work/job%2Fmail%2F100': 'unit',
  };

  test.each(Object.keys(names))('%s can be used by everybody: light and dark, on a desk and on a phone', async (hash) => {
    const opened = await fixture.open(hash);
    const { page } = opened;
    await page.getByRole('heading', { level: 1 }).first().waitFor();
    for (const [theme, width] of [
      ['light', 1_280],
      ['light', 375],
      ['dark', 375],
    ] as const) {
      await page.emulateMedia({ colorScheme: theme });
      await page.setViewportSize({ width, height: 740 });
      const barriers = await findBarriers(page, theme === 'dark' ? { rules: ['color-contrast'] } : {});
      expect({ theme, width, barriers }).toEqual({ theme, width, barriers: [] });
      expect(await sidewaysPx(page)).toBe(0);
      await opened.screenshot(`${names[hash]}-${theme}-${width}`);
    }
    await closeClean(opened);
  });

  test('can be used by the keyboard alone: the content is one step away, and another page begins at its beginning', async () => {
    const opened = await fixture.open('#/logs');
    const { page } = opened;
    await page.getByRole('heading', { name: 'Logs' }).waitFor();
    const focused = () => page.evaluate(`(document.activeElement.textContent || document.activeElement.tagName).trim()`);
    await page.keyboard.press('Tab');
    expect(await focused()).toBe('Skip to the content');
    for (const expected of ['Tidemark', 'Sheets', 'Logs', 'Messages', 'Jobs', 'Work']) {
      await page.keyboard.press('Tab');
      expect(await focused()).toBe(expected);
    }
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { name: 'Work', exact: true }).waitFor();
    expect(await page.evaluate('document.activeElement.tagName')).toBe('MAIN');
    await closeClean(opened);
  });

  test('is light or dark as the system is, until a person says otherwise; then it stays so', async () => {
    const opened = await fixture.open('#/logs', { theme: 'dark' });
    const { page } = opened;
    const theme = () => page.evaluate('document.documentElement.dataset.theme');
    await page.getByRole('button', { name: 'Theme: system. Change to light' }).click();
    expect(await theme()).toBe('light');
    await page.reload();
    await page.getByRole('button', { name: 'Theme: light. Change to dark' }).waitFor();
    expect(await theme()).toBe('light');
    await closeClean(opened);
  });

  test('works at a path of something larger', async () => {
    const server = await fixture.serve({ basePath: '/tools/tidemark' });
    const opened = await fixture.open('#/logs', { url: `${server.url}/tools/tidemark` });
    await opened.page.getByRole('row', { name: /budget-2027/ }).click();
    await opened.page.getByRole('link', { name: 'budget-2027' }).click();
    await opened.page.getByText('live', { exact: true }).waitFor();
    expect(opened.page.url()).toBe(`${server.url}/tools/tidemark/#/logs/budget-2027`);
    await closeClean(opened);
  });
});
