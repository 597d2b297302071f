/** Requests that have a body, over a line that is slow or through a proxy that takes less than the server. */
import { beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest';
import { connect } from '../../src/client/connect.ts';
import {
  CorruptBlobError,
  HistoryGoneError,
  ScheduleNotFoundError,
  UnavailableError,
  WorkbookExistsError,
  WorkbookNotFoundError,
  WorkNotFoundError,
} from '../../src/errors.ts';

/** Never answers. */
function silentClient(timeoutMs: number) {
  let requests = 0;
  const client = connect({
    url: 'http://tidemark.test',
    timeoutMs,
    fetch: (_input, init) => {
      requests += 1;
      return new Promise((_, reject) => {
        init?.signal?.addEventListener('abort', () => reject(init.signal?.reason), { once: true });
      });
    },
  });
  onTestFinished(() => client.close());
  return { client, requests: () => requests };
}

describe('a request without an answer', () => {
  beforeEach(() => {
    vi.useFakeTimers();
    onTestFinished(() => void vi.useRealTimers());
  });

  test.each([
    ['a small body is sent again', 'x', 1_000, 3],
    ['a large body has the time that sending it takes, and is left to its sender', 'x'.repeat(320_000), 11_001, 1],
  ])('%s', async (_, text, ms, expected) => {
    const { client, requests } = silentClient(1_000);
    let error: unknown;
    void client.request('POST', 'logs', { body: { text }, isRepeatable: true }).catch((caught) => {
      error = caught;
    });
    await vi.advanceTimersByTimeAsync(ms - 100);
    expect(error).toBeUndefined();
    await vi.advanceTimersByTimeAsync(10_000);
    expect(error).toBeInstanceOf(UnavailableError);
    expect(requests()).toBe(expected);
  });
});

test.each([
  ['work_not_found', 404, WorkNotFoundError],
  ['schedule_not_found', 404, ScheduleNotFoundError],
  ['workbook_not_found', 404, WorkbookNotFoundError],
  ['workbook_exists', 409, WorkbookExistsError],
  ['history_gone', 410, HistoryGoneError],
  ['corrupt_blob', 500, CorruptBlobError],
])('a refusal is the class that it is in the library, in the words of the server: %s', async (code, status, ErrorClass) => {
  const headers = { 'content-type': 'application/problem+json' };
  const client = connect({
    url: 'http://tidemark.test',
    fetch: async () => new Response(JSON.stringify({ status, code, detail: 'as the server says it' }), { status, headers }),
  });
  onTestFinished(() => client.close());
  const error = await client.request('GET', 'anything').catch((caught) => caught);
  expect(error).toBeInstanceOf(ErrorClass);
  expect(error).toMatchObject({ code, message: 'as the server says it' });
});

test('a proxy that takes no body of that size says so as the server does', async () => {
  const client = connect({ url: 'http://tidemark.test', fetch: async () => new Response('<h1>413</h1>', { status: 413 }) });
  onTestFinished(() => client.close());
  await expect(client.log('notes').addEntry({ type: 'Noted' }, 0n)).rejects.toMatchObject({ code: 'too_large' });
});
