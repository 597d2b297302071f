/**
 * The examples as a user runs them: compiled, loaded by `tidemark worker --app`, beside a real SMTP server and a real receiver. The worker is killed with a
 * mail accepted, a webhook received and a thumbnail written, none of which it has told the database of; a second one takes over.
 */
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { decode, encode } from 'fast-png';
import { SMTPServer } from 'smtp-server';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { upload } from '../../examples/messages/thumbnail.ts';
import { topics } from '../../examples/messages/topics.ts';
import { retryAfterMs, ship } from '../../examples/messages/webhook.ts';
import { register } from '../../examples/messages/welcome-mail.ts';
import { createDirectoryBlobStore } from '../../src/blob-store/directory-blob-store.ts';
import { applySubscriptions } from '../../src/messages/apply-subscriptions.ts';
import { createTidemark, type Tidemark } from '../../src/tidemark.ts';
import { createFolder, type RunningCli, startCli } from '../support/cli.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { compileExamples } from '../support/examples.ts';
import { temporalAddress } from '../support/servers.ts';
import { until } from '../support/until.ts';

const examples = fileURLToPath(new URL('../../examples/messages', import.meta.url));
const HOLD_IMAGES = 41;
const LIVE = `state in ('waiting', 'ready', 'claimed', 'started')`;

/** What the mail server has accepted. */
const mails: { to: string; messageId: string }[] = [];
/** What the receiver was asked for, and what it has done: under each key once. */
const calls: { order: string; key: string; at: number }[] = [];
const effects = new Map<string, string>();
/** Answers that are held back until the worker is stopped. */
const held = new Map<string, () => void>();
let isFirstWorker = true;

let database: TestDatabase;
let folder: ReturnType<typeof createFolder>;
let smtp: SMTPServer;
let receiver: Server;
let tidemark: Tidemark<typeof topics>;
const workers: RunningCli[] = [];

beforeAll(async () => {
  folder = createFolder();
  [database] = await Promise.all([createTestDatabase(), compileExamples(folder.path)]);
  await database.ownerPool.query(`${readFileSync(join(examples, 'tables.sql'), 'utf8')};
    grant all on app_user, shipment, image to public;
    create function public.hold() returns trigger language plpgsql as 'begin perform pg_advisory_xact_lock_shared(${HOLD_IMAGES}); return new; end';
    create trigger hold before update on image for each row when (new.id = 'portrait') execute function public.hold()`);
  tidemark = createTidemark({ db: database.pool, topics });
  smtp = startSmtp();
  receiver = createServer((request, response) => void receive(request, response)).listen(0, '127.0.0.1');
  await Promise.all([until('the servers listen', () => smtp.server.listening && receiver.listening)]);

  const first = await startWorker();
  const holder = await database.ownerPool.connect();
  await holder.query('select pg_advisory_lock($1)', [HOLD_IMAGES]);
  await askForAll();
  // Those three, and nothing else is left.
  await until(
    'the worker is in the middle of everything',
    async () => held.has('ada@example.com') && held.has('order-held') && (await imageIsHeld()) && (await count(LIVE)) === held.size + 1,
    30_000,
  );
  // Stopped first: so the server has answered, and the worker has not read it.
  first.child.kill('SIGSTOP');
  for (const answer of held.values()) answer();
  await until('the mail is accepted', () => mails.some(({ to }) => to === 'ada@example.com'));
  first.child.kill('SIGKILL');
  await first.ended;
  isFirstWorker = false;
  await holder.query('select pg_advisory_unlock($1)', [HOLD_IMAGES]);
  holder.release();
  await startWorker();
  await until('nothing is left to do', async () => (await count(LIVE)) === 0, 60_000);
}, 120_000);

afterAll(async () => {
  for (const worker of workers) worker.child.kill('SIGKILL');
  await Promise.all(workers.map((worker) => worker.ended));
  receiver?.closeAllConnections();
  receiver?.close();
  if (smtp) await new Promise<void>((resolve) => smtp.close(() => resolve()));
  await tidemark?.close();
  await database?.drop();
  folder?.remove();
});

/** What happens to each is in its name: see the servers below. */
async function askForAll(): Promise<void> {
  const url = `http://127.0.0.1:${(receiver.address() as AddressInfo).port}/shipments`;
  for (const name of ['ada', 'grace', 'nobody']) await register(tidemark, { id: name, email: `${name}@example.com`, name });
  for (const order of ['order-held', 'order-plain', 'order-later', 'order-refused']) await ship(tidemark, order, url);
  const blobs = createDirectoryBlobStore({ path: join(folder.path, 'blobs') });
  await upload(tidemark, blobs, 'portrait', halves(600, 300));
  await upload(tidemark, blobs, 'same-portrait', halves(600, 300));
  await upload(tidemark, blobs, 'text', new TextEncoder().encode('this is no image at all'));
}

describe('the welcome mail', () => {
  test('is sent again where the worker died between the server’s answer and its own commit, with the same Message-ID: a reader shows one', () => {
    const toAda = mails.filter(({ to }) => to === 'ada@example.com');
    expect(toAda.length).toBeGreaterThanOrEqual(2);
    expect(new Set(toAda.map(({ messageId }) => messageId))).toEqual(new Set(['<welcome-ada@example.com>']));
  });

  test('is noted in the database once it is sent, for everyone who has registered', async () => {
    const { rows } = await database.pool.query(
      'select id, welcomed_at is not null as welcomed, welcome_message_id as "messageId" from app_user order by id',
    );
    expect(rows).toEqual([
      { id: 'ada', welcomed: true, messageId: '<welcome-ada@example.com>' },
      { id: 'grace', welcomed: true, messageId: '<welcome-grace@example.com>' },
      { id: 'nobody', welcomed: false, messageId: null },
    ]);
    const toGrace = mails.filter(({ to }) => to === 'grace@example.com').map(({ messageId }) => messageId);
    expect(new Set(toGrace)).toEqual(new Set(['<welcome-grace@example.com>']));
    expect(toGrace.length).toBeLessThanOrEqual(await attemptsOf('welcome-mail', `m.data ->> 'userId' = 'grace'`));
  });

  test('to an address that the server refuses for good is dead at its first attempt, with the reason', async () => {
    expect(await deadIn('welcome-mail')).toEqual([{ failures: 0, message: 'The mail server refuses nobody@example.com (550).' }]);
  });

  test('is not sent to a user whose registration was rolled back', async () => {
    await expect(register(tidemark, { id: 'ada', email: 'twice@example.com', name: 'Ada' })).rejects.toThrow(/duplicate key/);
    expect(await count(`state <> 'done' and group_name = 'welcome-mail' and state <> 'dead'`)).toBe(0);
    expect(mails.map(({ to }) => to)).not.toContain('twice@example.com');
  });
});

describe('the webhook', () => {
  const callsOf = (order: string) => calls.filter((call) => call.order === order);

  test('is called again with the same Idempotency-Key where the worker died before the answer: the receiver does it once', async () => {
    expect(callsOf('order-held').length).toBeGreaterThanOrEqual(2);
    expect(new Set(callsOf('order-held').map(({ key }) => key)).size).toBe(1);
    expect([...effects.values()].filter((order) => order === 'order-held')).toHaveLength(1);
    const { rows } = await database.pool.query('select order_id from shipment where notified_at is not null order by 1');
    expect(rows.map((row) => row.order_id)).toEqual(['order-held', 'order-later', 'order-plain']);
  });

  test('waits as long as the receiver asks for', () => {
    const [asked, again] = callsOf('order-later');
    expect((again?.at ?? 0) - (asked?.at ?? 0)).toBeGreaterThanOrEqual(1_000);
    expect(effects.size).toBe(3);
  });

  test('that is refused for good is dead at its first attempt', async () => {
    expect(callsOf('order-refused').length).toBeLessThanOrEqual(
      await attemptsOf('shipment-webhook', `m.data ->> 'orderId' = 'order-refused'`),
    );
    expect(await deadIn('shipment-webhook')).toEqual([
      { failures: 0, message: expect.stringMatching(/^127\.0\.0\.1:\d+ answered 410\.$/) },
    ]);
  });

  test('reads Retry-After as seconds and as a date, and waits no longer than a day', () => {
    const now = Date.parse('2030-01-01T00:00:00Z');
    expect(
      ['120', 'Tue, 01 Jan 2030 00:00:30 GMT', 'Mon, 31 Dec 2029 00:00:00 GMT', '9999999', 'soon', null].map((value) =>
        retryAfterMs(value, now),
      ),
    ).toEqual([120_000, 30_000, 0, 86_400_000, undefined, undefined]);
  });
});

describe('the thumbnail', () => {
  test('is made again where the worker died before it was noted: the same bytes under the same name, once', async () => {
    const { rows } = await database.pool.query('select id, thumbnail, width, height from image order by id');
    const [thumbnail] = thumbnailFiles();
    expect(thumbnailFiles()).toHaveLength(1);
    expect(rows).toEqual([
      { id: 'portrait', thumbnail, width: 128, height: 64 },
      { id: 'same-portrait', thumbnail, width: 128, height: 64 },
      { id: 'text', thumbnail: null, width: null, height: null },
    ]);
    const { rows: attempts } = await database.pool.query(
      `select max(attempt) as most from tidemark.work where group_name = 'thumbnails' and state = 'done'`,
    );
    expect(attempts[0].most).toBeGreaterThan(1);
  });

  test('has the hash of its content as its name, and is the image made small', () => {
    const [name] = thumbnailFiles() as [string];
    const content = readFileSync(join(folder.path, 'blobs/images', name));
    expect(name).toBe(`thumbnail-${createHash('sha256').update(content).digest('hex')}.png`);
    const { width, height, data } = decode(content);
    const pixel = (column: number) => [...data.slice(column * 4, column * 4 + 4)];
    expect([width, height, pixel(0), pixel(63), pixel(64), pixel(127)]).toEqual([
      128,
      64,
      [255, 0, 0, 255],
      [255, 0, 0, 255],
      [0, 0, 255, 255],
      [0, 0, 255, 255],
    ]);
  });

  test('of what is no image is dead at its first attempt', async () => {
    expect(await deadIn('thumbnails')).toEqual([{ failures: 0, message: 'This is no PNG.' }]);
  });
});

function startSmtp(): SMTPServer {
  const server = new SMTPServer({
    authOptional: true,
    disabledCommands: ['STARTTLS'],
    onRcptTo: ({ address }, _, callback) =>
      callback(address.startsWith('nobody@') ? Object.assign(new Error('no such mailbox'), { responseCode: 550 }) : null),
    onData(stream, session, callback) {
      const received = (content: string) => {
        const to = session.envelope.rcptTo[0]?.address ?? '';
        const accept = () => {
          mails.push({ to, messageId: /^Message-ID: (.+)$/im.exec(content)?.[1]?.trim() ?? '' });
          callback();
        };
        if (isFirstWorker && to === 'ada@example.com') held.set(to, accept);
        else accept();
      };
      // A worker that dies in the middle of a mail has sent none.
      text(stream).then(received, () => {});
    },
  });
  server.on('error', () => {});
  server.listen(0, '127.0.0.1');
  return server;
}

/** As a receiver should be: it remembers the keys of what it has done. */
async function receive(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { orderId: order } = JSON.parse(await text(request));
  const key = request.headers['idempotency-key'] as string;
  calls.push({ order, key, at: performance.now() });
  if (order === 'order-refused') return void response.writeHead(410).end();
  if (order === 'order-later' && calls.filter((call) => call.order === order).length === 1) {
    return void response.writeHead(429, { 'retry-after': '1' }).end();
  }
  if (!effects.has(key)) effects.set(key, order);
  const answer = () => void response.writeHead(204).end();
  if (isFirstWorker && order === 'order-held') held.set(order, answer);
  else answer();
}

async function startWorker(): Promise<RunningCli> {
  const { port } = smtp.server.address() as AddressInfo;
  const env = {
    DATABASE_URL: database.appUrl,
    TEMPORAL_ADDRESS: temporalAddress(),
    SMTP_URL: `smtp://127.0.0.1:${port}`,
    IMAGES: join(folder.path, 'blobs'),
  };
  if (workers.length === 0) await applySubscriptions(database.db, [...(await registeredWorkers())]);
  const worker = startCli(['worker', '--app', 'messages/tidemark.config.js'], { cwd: folder.path, env, timeoutMs: 120_000 });
  workers.push(worker);
  await worker.waitFor('"msg":"running"', 60_000);
  return worker;
}

async function registeredWorkers() {
  const { default: app } = await import('../../examples/messages/tidemark.config.ts');
  return app.registry.workers.values();
}

/** Left half red, right half blue. */
function halves(width: number, height: number): Uint8Array {
  const data = new Uint8Array(width * height * 3);
  for (let index = 0; index < width * height; index += 1) data[index * 3 + (index % width < width / 2 ? 0 : 2)] = 255;
  return encode({ width, height, data, channels: 3, depth: 8 });
}

function thumbnailFiles(): string[] {
  return readdirSync(join(folder.path, 'blobs/images')).filter((name) => name.startsWith('thumbnail-'));
}

/** The handler of the first image has written its thumbnail, and waits to say so. */
async function imageIsHeld(): Promise<boolean> {
  const { rows } = await database.ownerPool.query(
    `select 1 from pg_locks where locktype = 'advisory' and objid = $1 and not granted
       and database = (select oid from pg_database where datname = current_database())`,
    [HOLD_IMAGES],
  );
  return rows.length > 0;
}

const count = async (condition: string): Promise<number> =>
  (await database.pool.query(`select count(*)::integer as units from tidemark.work where workflow = 'delivery' and ${condition}`)).rows[0]
    .units;

/** Dead at once: without a failure that was followed by another attempt. One that a busy machine interrupted is none. */
async function deadIn(subscription: string) {
  const { rows } = await database.pool.query(
    `select failures, error ->> 'message' as message from tidemark.work where group_name = $1 and state = 'dead'`,
    [subscription],
  );
  return rows;
}

/** Of the delivery of one message: as often as its handler may have run. */
async function attemptsOf(subscription: string, condition: string): Promise<number> {
  const { rows } = await database.pool.query(
    `select w.attempt from tidemark.work w join tidemark.message m on m.id = tidemark.delivery_message_id(w.id)
     where w.group_name = $1 and ${condition}`,
    [subscription],
  );
  return rows[0].attempt;
}
