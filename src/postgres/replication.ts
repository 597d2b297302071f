/**
 * A replication connection: what a slot sends, as messages of pgoutput.
 *
 * It acknowledges what it is told to and nothing else: soon, once a second, whenever it is asked, and when it is closed. A stream that is paused stays connected. One that hears nothing
 * for half a minute, not even a sign of life it has asked for, ends with an error: its server is gone.
 */
import type { EventEmitter } from 'node:events';
import type { Socket } from 'node:net';
import pg from 'pg';
import { type Pgoutput, PgoutputPlugin } from 'pg-logical-replication';
import { UnavailableError } from '../errors.ts';
import { formatLsn, type Lsn, parseLsn } from './lsn.ts';
import { decodeColumn, SESSION } from './replication-values.ts';

export type ReplicationMessage = Pgoutput.Message;
export type Relation = Pgoutput.MessageRelation;

export interface StreamHandlers {
  /** @param lsn where the message is in the log */
  onMessage(message: ReplicationMessage, lsn: Lsn): void;
  /** @param end all that was committed before has been sent */
  onKeepalive(end: Lsn): void;
}

export interface ReplicationStream {
  pause(): void;
  resume(): void;
  /** The slot may forget what ends at or before this. */
  acknowledge(lsn: Lsn): void;
  /** Rejects when the stream ends by itself. */
  readonly ended: Promise<never>;
}

export interface ReplicationConnection {
  /** A statement without values, or a replication command: those are in upper case. */
  // biome-ignore lint/suspicious/noExplicitAny: rows are typed by each caller
  query(text: string): Promise<{ rows: any[] }>;
  /** Resolves when the server has begun to send. @throws its refusal: 55006 where another reader has the slot, 55000 where the slot has lost its place */
  start(options: { slot: string; publication: string; from: Lsn }, handlers: StreamHandlers): Promise<ReplicationStream>;
  /** At once; what was not acknowledged comes again. */
  close(): Promise<void>;
}

const STATUS_MS = 1_000;
const SOON_MS = 100;
const ASK_MS = 10_000;
const SILENCE_MS = 30_000;
const XLOG_DATA = 0x77;
const KEEPALIVE = 0x6b;
/** Of 2000-01-01, in ms of Date.now(). */
const EPOCH_MS = 946_684_800_000;

/** What pg has and does not tell. */
interface ClientWithConnection {
  connection: EventEmitter & { stream: Socket; sendCopyFromChunk(chunk: Buffer): void };
}

export async function connectReplication(connectionString: string): Promise<ReplicationConnection> {
  const client = new pg.Client({ connectionString, application_name: 'tidemark cdc', keepAlive: true, ...{ replication: 'database' } });
  // A connection that breaks between two statements emits; the next statement fails with the same news.
  let onBroken: (error: Error) => void = () => {};
  client.on('error', (error) => onBroken(error));
  client.on('end', () => onBroken(new UnavailableError('The replication connection was closed by Postgres.')));
  try {
    await client.connect();
    await client.query(SESSION);
  } catch (error) {
    await client.end().catch(() => {});
    throw error;
  }
  const { connection } = client as unknown as ClientWithConnection;
  let timer: NodeJS.Timeout | undefined;
  let sayLast = () => {};
  return {
    query: (text) => client.query(text),
    async start({ slot, publication, from }, { onMessage, onKeepalive }) {
      const parser = new PgoutputPlugin({ protoVersion: 1, publicationNames: [publication] });
      let acknowledged = from;
      let heardAt = performance.now();
      let askedAt = heardAt;
      let saidAt = heardAt;
      let said = from;
      let paused = false;
      let fail: (error: Error) => void = () => {};
      const ended = new Promise<never>((_, reject) => {
        fail = reject;
      });
      ended.catch(() => {});
      onBroken = fail;
      const say = () => {
        const ask = performance.now() - askedAt > ASK_MS;
        if (ask) askedAt = performance.now();
        saidAt = performance.now();
        said = acknowledged;
        connection.sendCopyFromChunk(statusUpdate(acknowledged, ask));
      };
      connection.on('copyData', ({ chunk }: { chunk: Buffer }) => {
        heardAt = performance.now();
        try {
          if (chunk[0] === XLOG_DATA) {
            const message = parser.parse(chunk.subarray(25));
            if (message.tag === 'relation') {
              // The parser keeps this object, and reads every row of the table by it.
              for (const column of message.columns) column.parser = decodeColumn(column.typeOid);
            }
            onMessage(message, chunk.readBigUInt64BE(1));
          } else if (chunk[0] === KEEPALIVE) {
            onKeepalive(chunk.readBigUInt64BE(1));
            if (chunk[17] === 1) say();
          }
        } catch (error) {
          fail(error as Error);
        }
      });
      const started = new Promise<void>((resolve) => {
        connection.once('replicationStart', resolve);
      });
      // Its answer comes when the stream ends.
      const query = client.query(
        `START_REPLICATION SLOT ${quoteIdentifier(slot)} LOGICAL ${formatLsn(from)} (proto_version '1', publication_names '${quoteIdentifier(publication)}')`,
      );
      query.then(() => fail(new UnavailableError('Postgres has ended the replication stream.')), fail);
      await Promise.race([started, ended]);
      sayLast = () => {
        if (acknowledged > said) say();
      };
      timer = setInterval(() => {
        if (!paused && performance.now() - heardAt > SILENCE_MS) {
          fail(new UnavailableError(`Postgres has said nothing for ${SILENCE_MS / 1_000} s on the replication connection.`));
          return;
        }
        say();
      }, STATUS_MS);
      return {
        pause() {
          paused = true;
          connection.stream.pause();
        },
        resume() {
          if (!paused) return;
          paused = false;
          heardAt = performance.now();
          connection.stream.resume();
        },
        acknowledge(lsn) {
          if (lsn <= acknowledged) return;
          acknowledged = lsn;
          if (performance.now() - saidAt > SOON_MS) say();
        },
        ended,
      };
    },
    async close() {
      clearInterval(timer);
      onBroken = () => {};
      // What was told to be acknowledged is, unless the connection is gone; nobody waits for an answer.
      if (connection.stream.writable) sayLast();
      connection.stream.destroySoon();
      await client.end().catch(() => {});
    },
  };
}

/** @returns where the server's messages of a transaction end; parser and server write it differently */
export function lsnOf(text: string | null): Lsn {
  return text === null ? 0n : parseLsn(text);
}

/** Milliseconds of Date.now() of what the parser gives in microseconds. */
export function timeOf(microseconds: unknown): Date {
  return new Date(Number((microseconds as bigint) / 1_000n));
}

export function quoteIdentifier(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

/** "Standby status update": received, flushed and applied up to `lsn`. */
function statusUpdate(lsn: Lsn, askForAnswer: boolean): Buffer {
  const message = Buffer.alloc(34);
  message[0] = 0x72;
  message.writeBigUInt64BE(lsn, 1);
  message.writeBigUInt64BE(lsn, 9);
  message.writeBigUInt64BE(lsn, 17);
  message.writeBigUInt64BE(BigInt(Date.now() - EPOCH_MS) * 1_000n, 25);
  message[33] = askForAnswer ? 1 : 0;
  return message;
}
