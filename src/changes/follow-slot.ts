/**
 * Reads one slot: gathers pages, stores them one after another, and acknowledges what is stored. While a page is stored the next one gathers, so that many small
 * transactions are stored in one; when that is full too, the stream is paused. Starters are told after each page: a hint, which may be lost.
 */
import { createHintSender } from '../postgres/hints.ts';
import type { Lsn } from '../postgres/lsn.ts';
import type { Pool } from '../postgres/pool.ts';
import { type Database, inSchema } from '../postgres/queryable.ts';
import type { ReplicationConnection, ReplicationStream } from '../postgres/replication.ts';
import { inTransaction } from '../postgres/transaction.ts';
import { type ChangePage, createPageCollector, type PageOptions } from './change-page.ts';
import { passChanges, storeChanges } from './store-changes.ts';

export interface FollowSlotOptions extends PageOptions {
  connection: ReplicationConnection;
  pool: Pool;
  /** Name of the schema, unquoted. */
  schema: string;
  slot: string;
  publication: string;
  signal: AbortSignal;
  /** How often it says that it reads, and lets the slot forget what nobody wants. Default 10 s. */
  heartbeatMs?: number;
  /** Between storing and acknowledging. */
  afterStore?: (page: ChangePage) => void | Promise<void>;
}

const HEARTBEAT_MS = 10_000;

/** Until the signal, or what ends it. @throws FencedError where another reader has taken over; the error of the connection or of storing */
export async function followSlot(options: FollowSlotOptions): Promise<void> {
  const { connection, pool, schema, slot, publication, signal, heartbeatMs = HEARTBEAT_MS, afterStore } = options;
  const db = inSchema(pool, schema);
  const collector = createPageCollector(options);
  const hints = createHintSender(db, schema);
  let checkpoint = options.checkpoint;
  let wake = () => {};
  let failure: Error | undefined;
  // It may send before whoever has asked for it goes on.
  let stream: ReplicationStream | undefined;
  stream = await connection.start(
    { slot, publication, from: checkpoint },
    {
      onMessage(message, lsn) {
        collector.add(message, lsn);
        if (collector.isFull) stream?.pause();
        if (message.tag === 'commit' || collector.isFull) wake();
      },
      onKeepalive: (end) => collector.keepalive(end),
    },
  );
  stream.ended.catch((error: Error) => {
    failure = error;
    wake();
  });
  const onAbort = () => wake();
  signal.addEventListener('abort', onAbort);

  /** @returns undefined for the signal, or when the wait is over */
  async function nextPage(waitMs: number): Promise<ChangePage | undefined> {
    let page = collector.take();
    if (!page && !failure && !signal.aborted && waitMs > 0) {
      let timer: NodeJS.Timeout | undefined;
      await new Promise<void>((resolve) => {
        wake = resolve;
        timer = setTimeout(resolve, waitMs);
      });
      clearTimeout(timer);
      page = collector.take();
    }
    if (failure) throw failure;
    // What was taken has made room.
    stream?.resume();
    return page;
  }

  async function store(page: ChangePage): Promise<void> {
    const end = page.end ? await storeWhole(page, page.end.lsn) : await storeParts(page);
    checkpoint = end;
    if (page.changes.length > 0) hints.work();
    await afterStore?.(page);
    stream?.acknowledge(checkpoint);
  }

  async function storeWhole(page: ChangePage, end: Lsn): Promise<Lsn> {
    await storeChanges(db, slot, checkpoint, page);
    return end;
  }

  /** A transaction that is larger than a page: all of it, or nothing. */
  function storeParts(first: ChangePage): Promise<Lsn> {
    return inTransaction(pool, async (client) => {
      const tx: Database = inSchema(client, schema);
      let page: ChangePage | undefined = first;
      for (;;) {
        if (page) await storeChanges(tx, slot, checkpoint, page);
        if (page?.end) return page.end.lsn;
        signal.throwIfAborted();
        page = await nextPage(heartbeatMs);
      }
    });
  }

  async function beat(): Promise<void> {
    const idle = collector.idleAt();
    const to = idle === undefined || idle < checkpoint ? checkpoint : idle;
    await passChanges(db, slot, checkpoint, to);
    checkpoint = to;
    stream?.acknowledge(to);
  }

  try {
    // Whoever stores all the time says by that that it reads.
    for (let beatAt = performance.now() + heartbeatMs; !signal.aborted; ) {
      const page = await nextPage(beatAt - performance.now());
      if (signal.aborted) break;
      if (page) await store(page);
      else if (performance.now() < beatAt) continue;
      else await beat();
      beatAt = performance.now() + heartbeatMs;
    }
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}
