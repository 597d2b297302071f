/** A sheet in a real browser, over a server and a database: what a person does, and what a person sees. */
import { readFile } from 'node:fs/promises';
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, expect, onTestFinished, test } from 'vitest';
import { SCOPES } from '../../src/http/access.ts';
import { takeSnapshot } from '../../src/snapshots/take-snapshot.ts';
import { sheet } from '../../src/spreadsheet/sheet.ts';
import { BROWSER_DEADLINE_MS, builtPage, launchBrowser, type OpenedPage, openPage, type PageOptions } from '../support/browser.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { startTestServer, type TestServer } from '../support/http-server.ts';

let database: TestDatabase;
let server: TestServer;
let browser: Browser;
/** Of most tests, so that it has the page's files by the second. */
let shared: BrowserContext;
let isReader = false;
const opened: OpenedPage[] = [];

beforeAll(async () => {
  const [pageDir, launched, made] = await Promise.all([builtPage(), launchBrowser(), createTestDatabase()]);
  browser = launched;
  shared = await launched.newContext({ permissions: ['clipboard-read', 'clipboard-write'] });
  database = made;
  const authorize = () => (isReader ? { actor: 'reader', scopes: ['read' as const] } : { actor: 'ada', scopes: SCOPES });
  server = await startTestServer(database, { pageDir, authorize });
}, BROWSER_DEADLINE_MS);

afterEach(async () => {
  isReader = false;
  for (const { problems, close } of opened.splice(0)) {
    await close();
    // The browser says of each request that was refused, or that there is no network.
    expect(problems.filter((problem) => !/ERR_INTERNET_DISCONNECTED|ERR_NETWORK|409 \(Conflict\)|404 \(Not Found\)/.test(problem))).toEqual(
      [],
    );
  }
});

afterAll(async () => {
  await browser?.close();
  await server?.close();
  await database?.drop();
});

async function makeSheet(id: string, values: unknown[][] = []): Promise<void> {
  await server.request('POST', '/logs', { id, type: 'sheet' });
  if (values.length > 0) await write(id, { type: 'SetCellRange', row: 0, column: 0, values });
}

async function write(id: string, ...entries: object[]): Promise<void> {
  expect((await server.request('POST', `/logs/${id}/entries`, { entries, expect: 'any' })).status).toBe(201);
}

const writeCell = (id: string, row: number, column: number, value: unknown) =>
  write(id, { type: 'SetCellValueAndFormat', row, column, value });

async function openSheet(id: string, options: PageOptions = { context: shared }): Promise<OpenedPage> {
  const one = await openPage(browser, `${server.url}/#/sheets/${id}`, options);
  opened.push(one);
  await one.page.getByRole('grid').waitFor();
  await saved(one.page);
  await eventually(() => one.page.locator('.sheet-cell[aria-busy]').count()).toBe(0);
  await one.page.getByRole('grid').focus();
  return one;
}

const eventually = <T>(look: () => T, message?: string) => expect.poll(look, { timeout: 10_000, ...(message ? { message } : {}) });
const cell = (page: Page, name: string) => page.locator(`#cell-${name}`);
const shows = (page: Page, name: string, text: string) => eventually(() => cell(page, name).textContent(), name).toBe(text);
const says = (page: Page, text: string) => eventually(() => page.locator('.sheet-saved').textContent()).toBe(text);
const saved = (page: Page) => says(page, 'saved');
const active = (page: Page) => page.getByRole('grid').getAttribute('aria-activedescendant');

async function press(page: Page, ...keys: string[]): Promise<void> {
  for (const key of keys) await page.keyboard.press(key);
}

async function goTo(page: Page, name: string): Promise<void> {
  await press(page, 'F5');
  await page.keyboard.type(name);
  await press(page, 'Enter');
  await eventually(() => active(page)).toBe(`cell-${name.split(':')[0]}`);
}

test('what is typed is in the cell at once, is saved, and another person sees it', async () => {
  await makeSheet('typing', [['name', 'price']]);
  const [mine, theirs] = [await openSheet('typing'), await openSheet('typing')];
  const { page } = mine;
  await press(page, 'ArrowDown');
  await page.keyboard.type('tea');
  await press(page, 'Tab');
  await page.keyboard.type('2.50');
  await press(page, 'Enter');
  await eventually(() => active(page)).toBe('cell-B3');
  await page.keyboard.type('draft');
  await press(page, 'Escape', 'Enter', 'F2');
  await page.keyboard.type("'007");
  await press(page, 'Enter');
  await shows(page, 'A2', 'tea');
  await shows(page, 'B2', '2.50');
  await shows(page, 'B3', '');
  await shows(page, 'B4', '007');
  await saved(page);
  await shows(theirs.page, 'B2', '2.50');
  await shows(theirs.page, 'B4', '007');
  const { body } = await server.request('GET', '/logs/typing/entries?start=1');
  expect(body.entries).toEqual([
    { type: 'SetCellValueAndFormat', row: 1, column: 0, value: 'tea' },
    { type: 'SetCellValueAndFormat', row: 1, column: 1, value: 2.5, format: '0.00' },
    { type: 'SetCellValueAndFormat', row: 3, column: 1, value: '007' },
  ]);
});

test('a block is filled, formatted, copied, pasted, cleared and undone by keys, and what is selected is added up', async () => {
  await makeSheet('blocks', [
    [1, 10],
    [2, 20],
    [3, 30],
  ]);
  const { page } = await openSheet('blocks');
  await press(page, 'Shift+ArrowRight', 'Control+Shift+ArrowDown');
  await eventually(() => page.locator('.sheet-summary').textContent()).toBe('3 × 2 · sum 66 · average 11 · 6 numbers');
  await page.getByLabel('Number format').selectOption('number');
  await shows(page, 'B3', '30.00');
  await page.getByRole('button', { name: 'Fewer decimals' }).click();
  await shows(page, 'B3', '30.0');
  await page.getByRole('grid').focus();
  await press(page, 'Control+c');
  expect(await page.evaluate(() => navigator.clipboard.readText())).toBe('1.0\t10.0\n2.0\t20.0\n3.0\t30.0');
  await goTo(page, 'D2');
  await press(page, 'Control+v');
  await shows(page, 'E4', '30.0');
  await goTo(page, 'D2:E4');
  await press(page, 'Control+d');
  await shows(page, 'E4', '10.0');
  await press(page, 'Delete');
  await shows(page, 'D2', '');
  await press(page, 'Control+z', 'Control+z');
  await shows(page, 'E4', '30.0');
  await press(page, 'Control+y');
  await shows(page, 'E4', '10.0');
  await page.evaluate(() => navigator.clipboard.writeText('x\t"two\nlines"\r\n12%\t2026-01-31\r\n'));
  await goTo(page, 'G1');
  await press(page, 'Control+v');
  await shows(page, 'G2', '12%');
  await shows(page, 'H2', '2026-01-31');
  await saved(page);
});

test('an undo leaves what somebody else has written since, and says so', async () => {
  await makeSheet('undo');
  const { page } = await openSheet('undo');
  await page.keyboard.type('mine');
  await press(page, 'Enter');
  await saved(page);
  await writeCell('undo', 0, 0, 'theirs');
  await shows(page, 'A1', 'theirs');
  await press(page, 'Control+z');
  await expect
    .poll(() => page.getByRole('alert').allTextContents())
    .toContainEqual(expect.stringContaining('A1 stayed: somebody else has written there since.'));
  await shows(page, 'A1', 'theirs');
});

test('scrolling by less than a row moves what is drawn and changes no cell, no name and no number', async () => {
  await makeSheet('scrolled', [['first', 'second']]);
  const { page } = await openSheet('scrolled');
  await shows(page, 'A1', 'first');
  const changed = await page.evaluate(async () => {
    const grid = document.querySelector('.sheet-grid') as HTMLElement;
    const frame = () => new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve)));
    await frame();
    const top = () => document.querySelector('#cell-A2')?.getBoundingClientRect().top ?? 0;
    const before = top();
    const names: string[] = [];
    const observer = new MutationObserver((records) => names.push(...records.map(({ target }) => (target as HTMLElement).className)));
    observer.observe(grid, { subtree: true, childList: true, characterData: true, attributes: true });
    grid.scrollTop += 5;
    await frame();
    observer.disconnect();
    return { names: [...new Set(names)].sort(), moved: before - top() };
  });
  expect(changed).toEqual({ names: ['sheet-body', 'sheet-row-heads-body'], moved: 5 });
});

test('any row of a sheet is reached by its name, and a wrong name is refused with the right form', async () => {
  await makeSheet('far', [['first']]);
  const { page } = await openSheet('far');
  await goTo(page, 'C1073741824');
  await page.keyboard.type('last');
  await press(page, 'Enter');
  await shows(page, 'C1073741824', 'last');
  await goTo(page, 'B536870912');
  await press(page, 'ArrowDown', 'PageDown');
  const activeRow = async () => Number((await active(page))?.slice('cell-B'.length));
  await eventually(activeRow).toBeGreaterThan(536_870_912 + 10);
  const row = await activeRow();
  expect(row).toBeLessThan(536_870_912 + 60);
  expect(await cell(page, `B${row}`).isVisible()).toBe(true);
  await press(page, 'Control+Home');
  await shows(page, 'A1', 'first');
  await press(page, 'Control+End');
  await eventually(() => active(page)).toBe('cell-C1073741824');
  await press(page, 'F5');
  await page.keyboard.type('nowhere');
  await press(page, 'Enter');
  expect(
    await page.getByRole('alert').filter({ hasText: 'not a cell' }).or(page.locator('#sheet-name-problem')).first().textContent(),
  ).toContain("'nowhere' is not a range. Write two cells with a colon");
});

test('without a connection it says so, takes edits, and saves them when the server is back', async () => {
  await makeSheet('offline');
  const { page, context } = await openSheet('offline');
  await context.setOffline(true);
  await page.keyboard.type('waits');
  await press(page, 'Enter');
  await says(page, 'reconnecting');
  await shows(page, 'A1', 'waits');
  await context.setOffline(false);
  await saved(page);
  const { body } = await server.request('GET', '/logs/offline/entries');
  expect(body.entries).toEqual([{ type: 'SetCellValueAndFormat', row: 0, column: 0, value: 'waits' }]);
});

test.each([
  ['Keep theirs', 'theirs'],
  ['Write mine', 'mine'],
])('where two wrote one cell, both values are shown, and "%s" leaves %s', async (choice, kept) => {
  const id = `conflict-${kept}`;
  await makeSheet(id);
  const { page, context, screenshot } = await openSheet(id);
  await context.setOffline(true);
  await page.keyboard.type('mine');
  await press(page, 'Enter');
  await says(page, 'reconnecting');
  await writeCell(id, 0, 0, 'theirs');
  await context.setOffline(false);
  await says(page, 'conflict');
  await screenshot('sheet-conflict');
  const notice = page.getByRole('alertdialog');
  expect(await notice.getByRole('row').nth(1).getByRole('cell').allTextContents()).toEqual(['theirs', 'mine']);
  await notice.getByRole('button', { name: choice }).click();
  await saved(page);
  await shows(page, 'A1', kept);
  expect(await notice.count()).toBe(0);
});

test('an editor that was begun before somebody else wrote the cell never takes that back unseen', async () => {
  await makeSheet('begun', [[10]]);
  const { page } = await openSheet('begun');
  await press(page, 'F2');
  await writeCell('begun', 0, 0, 20);
  await eventually(() => page.getByLabel('Content of the cell').inputValue()).toBe('20');
  await press(page, 'Enter');
  await shows(page, 'A1', '20');
  await goTo(page, 'A1');
  await press(page, 'F2');
  await writeCell('begun', 0, 0, 30);
  await eventually(() => page.getByLabel('Content of the cell').inputValue()).toBe('30');
  await page.keyboard.type('5');
  await press(page, 'Enter');
  await says(page, 'conflict');
  const notice = page.getByRole('alertdialog');
  expect(await notice.getByRole('row').nth(1).getByRole('cell').allTextContents()).toEqual(['30', '205']);
  await notice.getByRole('button', { name: 'Write mine' }).click();
  await shows(page, 'A1', '205');
  await saved(page);
  const { body } = await server.request('GET', '/logs/begun/entries?start=1');
  expect(body.entries.map(({ value }: { value: unknown }) => value)).toEqual([20, 30, 205]);
});

test('edits that wait when a person leaves a sheet hold the window, and what was not saved of them is told wherever they are', async () => {
  await makeSheet('left');
  const { page, context, screenshot } = await openSheet('left');
  await context.setOffline(true);
  await page.keyboard.type('mine');
  await press(page, 'Enter');
  await says(page, 'reconnecting');
  await page.evaluate(() => {
    window.location.hash = '#/nowhere';
  });
  await page.getByRole('heading', { name: 'There is no such page' }).waitFor();
  const isHeld = () => page.evaluate(() => !window.dispatchEvent(new Event('beforeunload', { cancelable: true })));
  expect(await isHeld()).toBe(true);
  await writeCell('left', 0, 0, 'theirs');
  await context.setOffline(false);
  const notice = page.getByRole('alert').filter({ hasText: 'Not everything that you wrote in left was saved.' });
  await notice.waitFor();
  await screenshot('unsaved');
  await notice.getByRole('link', { name: 'Decide in the sheet' }).click();
  await page.getByRole('alertdialog').getByRole('button', { name: 'Write mine' }).click();
  await shows(page, 'A1', 'mine');
  await saved(page);
  expect([await notice.count(), await isHeld()]).toEqual([0, false]);
});

test('it says that no worker is there, and how much waits', async () => {
  await makeSheet('away');
  const { ownerPool } = database;
  await ownerPool.query(`insert into tidemark.workflow_name (name) values ('snapshot') on conflict do nothing`);
  await ownerPool.query(`update tidemark.logs set snapshot_every = 1 where id = 'away'`);
  await writeCell('away', 0, 0, 1);
  await ownerPool.query(`update tidemark.work set not_before = now() - interval '11 seconds'`);
  onTestFinished(async () => void (await ownerPool.query('delete from tidemark.work')));
  const one = await openPage(browser, `${server.url}/#/sheets/away`, { context: shared });
  opened.push(one);
  await says(one.page, 'worker away: 1 waiting');
});

test('who may only read sees the sheet and cannot change it', async () => {
  await makeSheet('reader', [['a', 1]]);
  isReader = true;
  const { page, screenshot } = await openSheet('reader', { theme: 'dark', width: 375, height: 700 });
  await page.keyboard.type('x');
  await press(page, 'Delete');
  expect(await page.getByRole('textbox', { name: /Content of A1/ }).count()).toBe(0);
  await shows(page, 'A1', 'a');
  expect(await page.getByRole('button', { name: /Import/ }).isDisabled()).toBe(true);
  await screenshot('sheet-phone-dark');
  expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(375);
});

test('a pointer selects, extends, widens a column and begins to edit', async () => {
  await makeSheet('pointer', [
    ['a', 'b', 'c'],
    ['d', 'e', 'f'],
  ]);
  const { page } = await openSheet('pointer');
  await cell(page, 'B2').click();
  await cell(page, 'C1').click({ modifiers: ['Shift'] });
  await eventually(() => page.getByLabel('Go to cell or range').inputValue()).toBe('B1:C2');
  await page.getByRole('columnheader', { name: 'A', exact: true }).click();
  await eventually(() => page.getByLabel('Go to cell or range').inputValue()).toBe('A1:A2');
  const box = await page.getByRole('columnheader', { name: 'A', exact: true }).boundingBox();
  await page.mouse.move((box?.x ?? 0) + (box?.width ?? 0) - 1, (box?.y ?? 0) + 8);
  await page.mouse.down();
  await page.mouse.move((box?.x ?? 0) + (box?.width ?? 0) + 79, (box?.y ?? 0) + 8);
  await page.mouse.up();
  await eventually(async () => (await cell(page, 'A1').boundingBox())?.width).toBe(184);
  await cell(page, 'B1').dblclick();
  await page.keyboard.type('!');
  await press(page, 'Enter');
  await shows(page, 'B1', 'b!');
});

test('the history of a cell says what was written, by whom and in which entry, and follows the selection', async () => {
  await makeSheet('history', [['first', 1]]);
  await writeCell('history', 0, 0, 'second');
  await writeCell('history', 0, 0, null);
  const { page, screenshot } = await openSheet('history');
  await page.getByRole('button', { name: 'History of the cell' }).click();
  const panel = page.getByRole('complementary', { name: /History of/ });
  const writes = () => panel.getByRole('listitem').allTextContents();
  await expect
    .poll(writes)
    .toEqual([
      expect.stringMatching(/^emptiedada, .*entry 2$/),
      expect.stringMatching(/^secondada, .*entry 1$/),
      expect.stringMatching(/^firstada, .*entry 0$/),
    ]);
  await page.getByRole('grid').focus();
  await page.keyboard.type('third');
  await press(page, 'Enter', 'ArrowUp');
  await eventually(async () => (await writes())[0]).toMatch(/^thirdada, .*entry 3$/);
  await screenshot('sheet-history');
  await press(page, 'ArrowRight');
  await eventually(writes).toEqual([expect.stringMatching(/^1ada, .*entry 0$/)]);
});

test('the slider walks through earlier states, which cannot be changed, and comes back to now', async () => {
  await makeSheet('past', [['zero']]);
  for (const value of ['one', 'two', 'three']) await writeCell('past', 0, 0, value);
  const { page, screenshot } = await openSheet('past');
  await page.getByRole('button', { name: 'Earlier states of the sheet' }).click();
  await page.getByRole('slider', { name: 'State of the sheet, by entry' }).focus();
  await press(page, 'ArrowLeft');
  await shows(page, 'A1', 'two');
  await press(page, 'ArrowLeft', 'ArrowLeft');
  await shows(page, 'A1', 'zero');
  const moment = page.getByRole('region', { name: 'Earlier states' }).locator('[aria-live]');
  await eventually(() => moment.textContent()).toMatch(/^After entry 0, \d\d:\d\d:\d\d by ada$/);
  await screenshot('sheet-past');
  await page.getByRole('grid').focus();
  await page.keyboard.type('x');
  expect(await page.getByRole('textbox', { name: /Content of A1/ }).count()).toBe(0);
  await page.getByRole('slider', { name: 'State of the sheet, by entry' }).focus();
  await press(page, 'Home');
  await shows(page, 'A1', '');
  await page.getByRole('button', { name: 'Back to now' }).click();
  await shows(page, 'A1', 'three');
});

test('a file that is dropped on the sheet is imported, and the sheet is exported as a file', async () => {
  await makeSheet('files');
  const { page, screenshot } = await openSheet('files');
  const dropped = await page.evaluateHandle(() => {
    const transfer = new DataTransfer();
    transfer.items.add(new File(['name,price\ntea,2\n=cmd,3\n'], 'prices.csv', { type: 'text/csv' }));
    return transfer;
  });
  await page.getByRole('grid').dispatchEvent('dragover', { dataTransfer: dropped });
  expect(await page.getByText('Drop a CSV or XLSX file to import it into files').isVisible()).toBe(true);
  await page.getByRole('grid').dispatchEvent('drop', { dataTransfer: dropped });
  await shows(page, 'B3', '3');
  await expect
    .poll(() => page.getByRole('status').allTextContents())
    .toContainEqual(expect.stringContaining('prices.csv is imported: 3 rows.'));
  const exportAs = async (format: string) => {
    const download = page.waitForEvent('download');
    await page.getByLabel('Export as').selectOption(format);
    const file = await download;
    expect(file.suggestedFilename()).toBe('files.csv');
    return await readFile(await file.path(), 'utf8');
  };
  // Whoever opens it in another program runs nothing that somebody has put into a cell, unless that is asked for.
  expect(await exportAs('csv')).toBe("name,price\ntea,2\n'=cmd,3\n");
  expect(await exportAs('csv-exact')).toBe('name,price\ntea,2\n=cmd,3\n');
  // The sheet is not empty any more.
  const choice = page.getByRole('dialog', { name: 'files is not empty' });
  await page.getByRole('grid').dispatchEvent('drop', { dataTransfer: dropped });
  await choice.getByRole('button', { name: 'Cancel' }).click();
  await page.getByRole('grid').dispatchEvent('drop', { dataTransfer: dropped });
  expect(await choice.getByLabel('Name of the new sheet').inputValue()).toBe('prices');
  await screenshot('sheet-import-choice');
  await choice.getByRole('button', { name: 'Make a new sheet' }).click();
  await page.waitForURL('**/#/sheets/prices');
  await shows(page, 'B3', '3');
});

test('a part that cannot be loaded says so beside what can, and is there after another try', async () => {
  await makeSheet('broken', [['a']]);
  await write('broken', { type: 'SetCellValueAndFormat', row: 10, column: 40, value: 'far right' });
  const { eventLog, blobs: itsBlobs } = server.tidemark.log(sheet, 'broken');
  const blobs = await itsBlobs();
  await eventLog.setMetadata(1n, { snapshot: await takeSnapshot({ log: eventLog, blobs, logType: sheet, sequenceId: 1n }) });
  const one = await openPage(browser, `${server.url}/#/sheets/broken`, { context: shared });
  opened.push(one);
  const { page } = one;
  await page.route('**/blobs/tile-*', (route) => route.fulfill({ status: 200, body: 'not what it should be' }));
  await page.reload();
  const alert = page.getByRole('alert').filter({ hasText: 'could not be loaded' });
  await eventually(() => alert.textContent()).toBe('1 part of the sheet could not be loaded. Try again');
  expect(await cell(page, 'A1').getAttribute('title')).toBe('This part of the sheet could not be loaded');
  await saved(page);
  await page.unroute('**/blobs/tile-*');
  await alert.getByRole('button', { name: 'Try again' }).click();
  await shows(page, 'A1', 'a');
  expect(await alert.count()).toBe(0);
});

test('a sheet that is not there says what to do', async () => {
  const one = await openPage(browser, `${server.url}/#/sheets/nowhere`, { context: shared });
  opened.push(one);
  await expect
    .poll(() => one.page.getByRole('alert').allTextContents())
    .toContainEqual(expect.stringContaining("There is no log 'nowhere'. Create it first"));
});
