/** The newsletter, on Postgres and beside a real mail server: what goes to whom, and what is known of each. Its worker is killed in test/e2e/newsletter-kills.test.ts. */
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer, request as httpRequest, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { type AddressInfo, createServer as createSocketServer, type Socket } from 'node:net';
import { createInterface } from 'node:readline';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createNewsletterTransport, newsletterMail, readUnknown } from '../../examples/newsletter/newsletter-mail.ts';
import { createNewsletter } from '../../examples/newsletter/send-newsletter.ts';
import { topics } from '../../examples/newsletter/topics.ts';
import { answerUnsubscribe, unsubscribeHeaders } from '../../examples/newsletter/unsubscribe.ts';
import { createTidemark } from '../../src/index.ts';
import { createHarness, runJob } from '../../src/testing.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { type NewsletterSink, startNewsletterSink } from '../support/newsletter-sink.ts';

const SECRET = 'a secret of the test';
const READERS = 25;
const SPECIAL = ['nobody@example.com', 'later@example.com', 'broken@example.com'];
let database: TestDatabase;
let sink: NewsletterSink;
let server: Server;
let url: string;
let mail: ReturnType<typeof createNewsletterTransport>;
let tidemark: ReturnType<typeof create>;
let harness: Awaited<ReturnType<typeof harnessOf>>;
const { jobs, schedules, sendNewsletter } = createNewsletter({ page: 6 });
const create = () =>
  createTidemark({
    db: database.pool,
    topics,
    workers: [newsletterMail({ pool: database.pool, mail, from: 'news@example.com', url, secret: SECRET })],
    jobs,
    schedules,
  });
const harnessOf = (app: ReturnType<typeof create>) => createHarness(app);

beforeAll(async () => {
  [database, sink] = await Promise.all([createTestDatabase(), startNewsletterSink()]);
  await database.ownerPool.query(`${readFileSync(new URL('../../examples/newsletter/tables.sql', import.meta.url), 'utf8')};
    grant all on subscriber, issue, issue_recipient to public;
    insert into subscriber (email) select 'reader-' || n || '@example.com' from generate_series(1, ${READERS}) n;
    insert into subscriber (email) select unnest('{${SPECIAL}}'::text[]);
    insert into issue (subject, text, approved_at) values ('November', 'Dear reader', now()), ('December', 'Not yet', null)`);
  server = createServer((request, response) => void answerUnsubscribe(database.pool, SECRET, request, response)).listen(0, '127.0.0.1');
  await once(server, 'listening');
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/unsubscribe`;
  mail = createNewsletterTransport(sink.url);
  tidemark = create();
  harness = await harnessOf(tidemark);
});
afterAll(async () => {
  await tidemark?.close();
  mail?.close();
  server?.close();
  await sink?.close();
  await database?.drop();
});

const statesOf = async (issueId: number) => {
  const { rows } = await database.pool.query('select email, state from issue_recipient where issue_id = $1 order by email', [issueId]);
  return new Map<string, string>(rows.map(({ email, state }) => [email, state]));
};

test('an issue goes to everyone in its audience, at most once; of whom that cannot be said is on the list', async () => {
  const mailing = await harness.enqueue(sendNewsletter, {});
  await harness.drain({
    faults: [
      { job: 'send-newsletter', fault: 'crash-after-effect' },
      { job: 'newsletter-part', fault: 'crash-after-effect' },
      { subscription: 'newsletter-mail', fault: 'crash-after-effect' },
    ],
  });
  const all = READERS + SPECIAL.length;
  expect(await mailing.result()).toEqual({ issueId: '1', recipients: all });
  // 28 in pages of 6: each part has enqueued the next.
  await harness.expect({ job: 'newsletter-part', count: 5 });

  const states = await statesOf(1);
  expect(states.get('nobody@example.com')).toBe('refused');
  expect(states.get('later@example.com')).toBe('sent');
  expect([...sink.accepted.values()].every((count) => count === 1)).toBe(true);
  // One whose worker died behind the server's answer, and one whose connection broke there: they have it, and nobody knows.
  const unknown = (await readUnknown(database.pool, '1')).map(({ email }) => email);
  expect(unknown).toHaveLength(2);
  expect(unknown).toContain('broken@example.com');
  const reached = [...states].filter(([, state]) => state === 'sent').map(([email]) => email);
  expect([...sink.accepted.keys()].sort()).toEqual([...reached, ...unknown].sort());
  expect(reached).toHaveLength(all - 3);
  const { rows } = await database.pool.query(`select error ->> 'message' as message from tidemark.work where state = 'dead'`);
  expect(rows).toEqual([{ message: 'The mail server refuses nobody@example.com (550).' }]);

  // Nothing else is approved.
  const next = await harness.enqueue(sendNewsletter, {});
  await harness.drain();
  expect(await next.result()).toEqual({ recipients: 0 });
});

test('who leaves with one click is not written to, though the audience was frozen before; who only looks at the link stays', async () => {
  const headersOf = (email: string) => sink.mails.get(email)?.replaceAll(/\r\n[ \t]+/g, ' ') ?? '';
  const addressOf = (email: string) => /^List-Unsubscribe: +<(.+)>/im.exec(headersOf(email))?.[1] as string;
  expect(headersOf('reader-1@example.com')).toMatch(/^List-Unsubscribe-Post: List-Unsubscribe=One-Click\r?$/im);
  await database.pool.query('update issue set approved_at = now() where id = 2');
  const { result, steps, enqueued } = await runJob(sendNewsletter, {}, { app: tidemark });
  expect(result).toEqual({ issueId: '2', recipients: READERS + SPECIAL.length });
  expect([Object.keys(steps), enqueued.map(({ job }) => job)]).toEqual([['freeze'], ['newsletter-part']]);

  const leave = async (address: string, method: string) =>
    (await fetch(address, { method, ...(method === 'POST' ? { body: new URLSearchParams({ 'List-Unsubscribe': 'One-Click' }) } : {}) }))
      .status;
  expect(await leave(addressOf('reader-1@example.com'), 'POST')).toBe(200);
  expect(await leave(addressOf('reader-2@example.com'), 'GET')).toBe(200);
  const [ofReader3, ofReader4] = [addressOf('reader-3@example.com'), addressOf('reader-4@example.com')];
  const forged = ofReader3.replace(/\/\d+\//, `/${/\/(\d+)\/[^/]+$/.exec(ofReader4)?.[1]}/`);
  expect(await leave(forged, 'POST')).toBe(404);
  await database.pool.query(`insert into subscriber (email) values ('too-late@example.com')`);
  await harness.drain();

  const states = await statesOf(2);
  expect(states.get('reader-1@example.com')).toBe('unsubscribed');
  expect(['reader-2@example.com', 'reader-3@example.com', 'reader-4@example.com'].map((email) => states.get(email))).toEqual([
    'sent',
    'sent',
    'sent',
  ]);
  expect(states.has('too-late@example.com')).toBe(false);
  expect([sink.accepted.get('reader-1@example.com'), sink.accepted.get('reader-2@example.com')]).toEqual([1, 2]);
});

test('a mail server that is away, does not let us in or refuses the sender costs nobody the issue', async () => {
  const key = await lastRecipient();
  const answers: Record<string, (command: string) => string | undefined> = {
    'closes at once': () => undefined,
    'greets with 554': (command) => (command === '' ? '554 not today' : '250 ok'),
    'refuses the password': (command) => (command === '' ? '220 hi' : command === 'EHLO' ? '250-x\r\n250 AUTH PLAIN' : '535 who are you'),
    'refuses the sender': (command) =>
      command === '' ? '220 hi' : command === 'EHLO' ? '250 x' : command === 'MAIL' ? '550 no' : '250 ok',
  };
  for (const [what, answer] of Object.entries(answers)) {
    const { attempt, close } = await againstServer(answer, what.includes('password') ? 'me:secret@' : '');
    await expect(attempt(), what).rejects.toThrow();
    expect(await stateOf(key), what).toBe('waiting');
    close();
  }
  const { attempt, close } = await againstServer(() => undefined);
  close();
  await expect(attempt(), 'nobody listens').rejects.toThrow();
  expect(await stateOf(key)).toBe('waiting');
});

test('an address that was refused is written to again when its dead letter is redriven', async () => {
  const key = await lastRecipient();
  let code = 550;
  const { attempt, close } = await againstServer((command) => {
    if (command === 'RCPT' || command === '.') return `${command === 'RCPT' ? code : 250} ok`;
    return command === '' ? '220 hi' : command === 'DATA' ? '354 go on' : '250 ok';
  });
  await expect(attempt()).rejects.toThrow('The mail server refuses');
  expect(await stateOf(key)).toBe('refused');
  code = 250;
  await attempt();
  expect(await stateOf(key)).toBe('sent');
  close();
});

test('an address is one address, not a list of them', async () => {
  await expect(database.pool.query(`insert into subscriber (email) values ('a@example.com, b@example.com')`)).rejects.toThrow(
    'check constraint',
  );
  const key = await lastRecipient();
  await database.pool.query(
    `update issue_recipient set email = 'a@example.com, b@example.com' where issue_id = $1 and subscriber_id = $2`,
    key,
  );
  const asked: string[] = [];
  const { attempt, close } = await againstServer((command, line) => {
    if (command === 'RCPT') asked.push(line);
    return command === '' ? '220 hi' : command === 'RCPT' ? '550 no' : '250 ok';
  });
  await expect(attempt()).rejects.toThrow('The mail server refuses');
  expect(asked.length).toBeLessThan(2);
  close();
});

test('what nobody has signed is not found, whatever its address is, and a database that is away is told', async () => {
  const { origin } = new URL(url);
  const statusOf = (path: string) =>
    new Promise((resolve, reject) => {
      httpRequest({ host: '127.0.0.1', port: new URL(origin).port, path, method: 'POST' }, ({ statusCode }) => resolve(statusCode))
        .on('error', reject)
        .end();
    });
  for (const path of ['//', '/', '/%', '/unsubscribe/1/x']) expect(await statusOf(path), path).toBe(404);
  const signed = new URL(unsubscribeHeaders(url, SECRET, '1')['List-Unsubscribe']?.slice(1, -1) as string).pathname;
  const answered: unknown[] = [];
  const response = { writeHead: (status: number) => ({ end: (text: string) => answered.push(status, text) }) };
  const broken = { query: () => Promise.reject(new Error('no database')) };
  const request = { url: signed, method: 'POST', resume() {} };
  await answerUnsubscribe(broken, SECRET, request as unknown as IncomingMessage, response as unknown as ServerResponse);
  expect(answered).toEqual([500, expect.stringContaining('try again later')]);
});

/** A recipient of the second issue, waiting. */
async function lastRecipient(): Promise<[string, string]> {
  const { rows } = await database.pool.query(
    `update issue_recipient set state = 'waiting' where (issue_id, subscriber_id) = (select 2, max(subscriber_id) from issue_recipient)
     returning issue_id::text, subscriber_id::text`,
  );
  return [rows[0].issue_id, rows[0].subscriber_id];
}
async function stateOf(key: [string, string]): Promise<string> {
  const { rows } = await database.pool.query('select state from issue_recipient where issue_id = $1 and subscriber_id = $2', key);
  return rows[0].state;
}

/** One attempt at a recipient, beside a server that answers each command as it is told ('' is the greeting), or closes. */
async function againstServer(answer: (command: string, line: string) => string | undefined, user = '') {
  const sockets = new Set<Socket>();
  const smtp = createSocketServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    let inData = false;
    const say = (command: string, line = '') => {
      const text = answer(command, line);
      if (text === undefined) return void socket.destroy();
      inData = text.startsWith('354');
      socket.write(`${text}\r\n`);
    };
    say('');
    createInterface(socket).on('line', (line) => {
      if (!inData) say(line.split(/[ :]/)[0]?.toUpperCase() ?? '', line);
      else if (line === '.') say('.');
    });
  }).listen(0, '127.0.0.1');
  await once(smtp, 'listening');
  const transport = createNewsletterTransport(`smtp://${user}127.0.0.1:${(smtp.address() as AddressInfo).port}`);
  const worker = newsletterMail({ pool: database.pool, mail: transport, from: 'news@example.com', url, secret: SECRET });
  const [issueId, subscriberId] = await lastRecipient();
  return {
    attempt: async () => worker.handler({ data: { issueId, subscriberId } } as never, { db: database.pool } as never),
    close: () => {
      transport.close();
      smtp.close();
      for (const socket of sockets) socket.destroy();
    },
  };
}
