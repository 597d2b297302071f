/** What a client answers of a log by itself while its stream is open. The server is a script: streams say what they are told to, queries are counted. */
import { beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest';
import { connect } from '../../src/client/connect.ts';
import { until } from '../support/until.ts';

type Entry = { type: string; value: string; snapshot?: string };

/** A server with one log of `length` entries. */
function scriptedServer() {
  const streams: { say: (event: string, id: number, data: object) => void; lose: () => void }[] = [];
  const server = { streams, queries: [] as string[], length: 0 };
  const encoder = new TextEncoder();
  const scripted: typeof fetch = async (input, init) => {
    init?.signal?.throwIfAborted();
    const url = new URL(String(input));
    if (!url.pathname.endsWith('/events')) {
      server.queries.push(url.search);
      const start = url.searchParams.get('start');
      const page = { startSequenceId: start, endSequenceId: String(server.length), isComplete: true, entries: [] };
      return Response.json(page);
    }
    const body = new ReadableStream<Uint8Array>({
      start(controller) {
        streams.push({
          say: (event, id, data) => controller.enqueue(encoder.encode(`event: ${event}\nid: ${id}\ndata: ${JSON.stringify(data)}\n\n`)),
          lose: () => controller.error(new Error('the connection broke')),
        });
      },
    });
    return new Response(body, { headers: { 'content-type': 'text/event-stream' } });
  };
  return { server, scripted };
}

const entry = (value: string): Entry => ({ type: 'Noted', value });

function follow(pageSize?: number) {
  const { server, scripted } = scriptedServer();
  const client = connect({ url: 'http://tidemark.test', fetch: scripted });
  onTestFinished(() => client.close());
  const log = client.log<Entry>('notes', { pageSize });
  let hints = 0;
  const leave = log.subscribe(() => {
    hints += 1;
  });
  const stream = async (index: number) => {
    await until(`stream ${index} is open`, () => server.streams.length > index, 5_000);
    return server.streams[index] as (typeof server.streams)[number];
  };
  /** Says it, and waits until it is taken in. */
  const said = async (index: number, event: string, id: number, data: object) => {
    const before = hints;
    (await stream(index)).say(event, id, data);
    await until(`${event} has come`, () => hints > before, 5_000);
  };
  const entries = (from: number, ...values: string[]) => ({ startSequenceId: String(from), entries: values.map(entry), provenance: [] });
  return { client, server, log, leave, stream, said, entries };
}

const NOTHING_MARKED = { isComplete: true, entries: [] };

describe('a client that follows a log', () => {
  test('answers by itself, with entries that are the caller’s own', async () => {
    const { server, log, said, entries } = follow();
    await said(0, 'marked', 0, NOTHING_MARKED);
    await said(0, 'entries', 2, entries(0, 'a', 'b'));
    await said(0, 'metadata', 2, { sequenceId: '1', snapshot: 'blob' });
    const first = await log.query(0n, 'end', -1n);
    expect(first).toEqual({
      startSequenceId: 0n,
      endSequenceId: 2n,
      isComplete: true,
      lastSnapshot: { sequenceId: 1n, blobId: 'blob' },
      entries: [entry('a'), { ...entry('b'), snapshot: 'blob' }],
    });
    (first.entries[0] as Entry).value = 'changed';
    expect((await log.query(0n, 1n)).entries).toEqual([entry('a')]);
    expect(server.queries).toEqual([]);
  });

  test('asks the server while a new connection catches up: it cannot know what is still to come', async () => {
    const { server, log, stream, said, entries } = follow();
    await said(0, 'marked', 0, NOTHING_MARKED);
    server.length = 3;
    (await stream(0)).lose();
    await said(1, 'entries', 2, entries(0, 'a', 'b'));
    expect(await log.query(0n, 'end')).toMatchObject({ endSequenceId: 3n });
    expect(server.queries).toHaveLength(1);
    await said(1, 'entries', 3, entries(2, 'c'));
    await said(1, 'marked', 3, NOTHING_MARKED);
    expect(await log.query(0n, 'end')).toMatchObject({ endSequenceId: 3n, isComplete: true, entries: ['a', 'b', 'c'].map(entry) });
    expect(server.queries).toHaveLength(1);
  });

  test('answers with a page at most, and says that there is more', async () => {
    const { server, log, said, entries } = follow(2);
    await said(0, 'marked', 0, NOTHING_MARKED);
    await said(0, 'entries', 5, entries(0, 'a', 'b', 'c', 'd', 'e'));
    expect(await log.query(1n, 'end')).toMatchObject({ endSequenceId: 3n, isComplete: false, entries: ['b', 'c'].map(entry) });
    expect(await log.query(3n, 'end')).toMatchObject({ endSequenceId: 5n, isComplete: true, entries: ['d', 'e'].map(entry) });
    expect(await log.query(0n, 2n)).toMatchObject({ endSequenceId: 2n, isComplete: true });
    expect(server.queries).toEqual([]);
  });

  test('keeps some megabytes of entries, however large one is', async () => {
    const { server, log, said, entries } = follow();
    await said(0, 'marked', 0, NOTHING_MARKED);
    server.length = 12;
    for (let index = 0; index < 12; index += 1) {
      await said(0, 'entries', index + 1, entries(index, String(index).repeat(500_000)));
    }
    expect((await log.query(11n, 'end')).entries).toHaveLength(1);
    expect(server.queries).toEqual([]);
    await log.query(1n, 'end');
    expect(server.queries).toHaveLength(1);
  });

  test('answers no more once it is closed', async () => {
    const { client, log, said } = follow();
    await said(0, 'marked', 0, NOTHING_MARKED);
    client.close();
    await expect(log.query(0n, 'end')).rejects.toThrow('This client is closed');
  });
});

describe('a client that is closed', () => {
  beforeEach(() => {
    vi.useFakeTimers();
    onTestFinished(() => void vi.useRealTimers());
  });

  test('has no timer left when somebody begins to follow a log', () => {
    const client = connect({ url: 'http://tidemark.test', fetch: scriptedServer().scripted });
    client.close();
    client.log('notes').subscribe(() => {});
    expect(vi.getTimerCount()).toBe(0);
  });
});
