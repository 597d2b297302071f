/** The client over a real server: what page and programs do with it. */
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { connect, type TidemarkClient } from '../../src/client/connect.ts';
import { ConflictError, LogNotFoundError, NotExposedError, SequenceRangeError, UnavailableError } from '../../src/errors.ts';
import type { ArchivableLog, LogMetadata } from '../../src/event-log/event-log.ts';
import { compactLog, openSheet, sheet, withHistory } from '../../src/index.ts';
import type { SheetEntry } from '../../src/spreadsheet/entries.ts';
import type { SheetLog } from '../../src/spreadsheet/open-sheet.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { startTestServer, type TestServer } from '../support/http-server.ts';
import { caughtUp, cellsOf, liveSheets } from '../support/live-sheets.ts';
import { until } from '../support/until.ts';
import { expectedContent } from '../unit/snapshot-fixtures.ts';

let database: TestDatabase;
let server: TestServer;
const live = liveSheets(onTestFinished);

beforeAll(async () => {
  database = await createTestDatabase({ poolSize: 20 });
  server = await startTestServer(database);
});
afterAll(async () => {
  await server?.close();
  await database?.drop();
});

/** Counts the requests that it sends. */
function client(options: { url?: string; requests?: string[] } = {}): TidemarkClient {
  const made = connect({
    url: options.url ?? server.url,
    fetch: (input, init) => {
      options.requests?.push(`${init?.method} ${new URL(String(input)).pathname}`);
      return fetch(input, init);
    },
  });
  onTestFinished(() => made.close());
  return made;
}

let count = 0;
async function newLog(tidemark: TidemarkClient): Promise<string> {
  const id = `sheet-${count++}`;
  await tidemark.logs.create({ id, type: 'sheet' });
  return id;
}
const cell = (row: number, value: string | number = row): SheetEntry => ({ type: 'SetCellValueAndFormat', row, column: 0, value });

test('two clients edit 1,000 different cells at once and none is refused', async () => {
  const tidemark = client();
  const id = await newLog(tidemark);
  const requests: string[] = [];
  const clients = await Promise.all(
    [client({ requests }), client()].map((one) => live(one.log(id) as unknown as SheetLog, one.blobs(id), { conflict: 'report' })),
  );
  const ids = await Promise.all(
    clients.flatMap((one, which) =>
      Array.from({ length: 500 }, async (_, index) => {
        // Spread over some time, so that they meet again and again.
        await delay(index % 100);
        return one.setCell(Math.floor(index / 20), 2 * (index % 20) + which, `${which}/${index}`);
      }),
    ),
  );
  expect(new Set(ids).size).toBe(1_000);
  const { entries } = await server.tidemark.log(sheet, id).eventLog.query('start', 'end');
  for (const one of clients) {
    await caughtUp(one, 1_000n);
    expect(cellsOf(one.view, { rows: 50, columns: 40 })).toEqual(expectedContent(entries).cells);
    expect(one.view.sync).toEqual({ state: 'saved', waitingEdits: 0, rolledBack: [] });
  }
  // What others write comes by the stream: nothing is asked for again and again.
  await until('the stream has brought what was written', async () => {
    const asked = requests.length;
    await delay(100); // five polls
    return requests.length === asked;
  });
  const before = requests.length;
  await clients[1]?.setCell(0, 0, 'last');
  await until('the other one has it', () => clients[0]?.view.getCell(0, 0)?.value === 'last', 5_000);
  expect(requests.slice(before)).toEqual([]);
});

test('an edit that its writer may not make is rolled back with the reason, and the others go on', async () => {
  const reader = await startTestServer(database, { authorize: () => ({ scopes: ['read'] }) });
  onTestFinished(() => reader.close());
  const id = await newLog(client());
  const one = client({ url: reader.url });
  const opened = await live(one.log(id) as unknown as SheetLog, one.blobs(id));
  await expect(opened.setCell(0, 0, 'mine')).rejects.toMatchObject({ code: 'forbidden' });
  expect(opened.view.getCell(0, 0)).toEqual({ value: null });
  expect(opened.view.sync).toMatchObject({ state: 'conflict', rolledBack: [{ code: 'forbidden' }] });
});

test('the past of a sheet is read from what was archived', async () => {
  const tidemark = client();
  const id = await newLog(tidemark);
  const log = tidemark.log<SheetEntry>(id);
  await log.addEntries(
    Array.from({ length: 10 }, (_, row) => cell(row)),
    0n,
  );
  const { eventLog, blobs } = server.tidemark.log(sheet, id);
  const { snapshot, history } = await compactLog({ log: eventLog, blobs: await blobs(), logType: sheet, sequenceId: 8n });
  await eventLog.setMetadata(8n, { snapshot, history });
  await eventLog.truncate(8n);
  const readable = withHistory({ log: log as unknown as ArchivableLog<SheetEntry & LogMetadata>, blobs: tidemark.blobs(id) });
  const then = await openSheet({ log: readable, blobs: tidemark.blobs(id), at: 5n });
  expect(await then.counts()).toMatchObject({ rowCount: 5, cellCount: 5 });
  const now = await openSheet({ log: readable, blobs: tidemark.blobs(id) });
  expect(await now.counts()).toMatchObject({ rowCount: 10, cellCount: 10 });
});

describe('the log of a client', () => {
  test('asks again for an append whose answer was lost, and it happens once', async () => {
    let lost = 0;
    const losing = connect({
      url: server.url,
      fetch: async (input, init) => {
        const response = await fetch(input, init);
        if (init?.method !== 'POST' || lost > 1) return response;
        lost += 1;
        throw new TypeError('the answer is lost');
      },
    });
    onTestFinished(() => losing.close());
    const id = await newLog(client());
    expect(await losing.log<SheetEntry>(id).addEntry(cell(0), 0n)).toEqual({ nextSequenceId: 1n });
    expect(lost).toBe(2);
    expect((await losing.log(id).query('start', 'end')).endSequenceId).toBe(1n);
  });

  test('hints and answers also where no stream comes through', async () => {
    const id = await newLog(client());
    const requests: string[] = [];
    const without = connect({
      url: server.url,
      fetch: async (input, init) => {
        requests.push(new URL(String(input)).pathname.split('/').at(-1) as string);
        if (String(input).includes('/events')) throw new TypeError('a proxy holds it back');
        return fetch(input, init);
      },
    });
    onTestFinished(() => without.close());
    const opened = await live(without.log(id) as unknown as SheetLog, without.blobs(id), { pollMs: 50 });
    await client().log<SheetEntry>(id).addEntry(cell(0, 'theirs'), 0n);
    await until('it is there', () => opened.view.getCell(0, 0)?.value === 'theirs');
    expect(requests).toContain('events');
  });

  test('refuses as the library does', async () => {
    const tidemark = client();
    const id = await newLog(tidemark);
    const log = tidemark.log<SheetEntry>(id);
    expect(await log.addEntry(cell(0), 0n)).toEqual({ nextSequenceId: 1n });
    await expect(log.addEntry(cell(0), 0n)).rejects.toMatchObject({ constructor: ConflictError, nextSequenceId: 1n });
    await expect(log.query(7n, 'end')).rejects.toMatchObject({ constructor: SequenceRangeError, startSequenceId: 0n, endSequenceId: 1n });
    await expect(tidemark.log('nowhere').query('start', 'end')).rejects.toThrow(LogNotFoundError);
    for (const call of [() => log.setMetadata(0n, {}), () => log.truncate(0n), () => log.completeWorkflow(0n, 'snapshot', {})]) {
      await expect(call()).rejects.toThrow(NotExposedError);
    }
    await expect(tidemark.blobs(id).writeBlob('a', new Uint8Array())).rejects.toThrow(NotExposedError);
    await expect(client({ url: 'http://127.0.0.1:1' }).logs.list()).rejects.toThrow(UnavailableError);
  });
});
