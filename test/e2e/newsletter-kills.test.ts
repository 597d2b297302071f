/**
 * The newsletter as a user runs it, its worker killed on the way: nobody is written to twice, and the list of those of whom nobody knows is exact, by what the
 * mail server has accepted. NEWSLETTER_RECIPIENTS=100000 NEWSLETTER_KILLS=20 runs it at its full size.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { newsletterMail, readUnknown } from '../../examples/newsletter/newsletter-mail.ts';
import { createNewsletter } from '../../examples/newsletter/send-newsletter.ts';
import { topics } from '../../examples/newsletter/topics.ts';
import { applySubscriptions } from '../../src/messages/apply-subscriptions.ts';
import { createTidemark } from '../../src/tidemark.ts';
import { createFolder, type RunningCli, startCli } from '../support/cli.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { compileExamples } from '../support/examples.ts';
import { type NewsletterSink, startNewsletterSink } from '../support/newsletter-sink.ts';
import { temporalAddress } from '../support/servers.ts';
import { until } from '../support/until.ts';

const RECIPIENTS = Number(process.env.NEWSLETTER_RECIPIENTS ?? 40);
const KILLS = Number(process.env.NEWSLETTER_KILLS ?? 1);
const DEADLINE_MS = 60_000 + RECIPIENTS * 30;
/** One of so many has an address that the sink may hold its answer to: at each kill one is accepted, and its worker has not read it. */
const HELD_OF = 10;

let database: TestDatabase;
let folder: ReturnType<typeof createFolder>;
let sink: NewsletterSink;
let worker: RunningCli | undefined;

beforeAll(async () => {
  folder = createFolder();
  [database, sink] = await Promise.all([createTestDatabase(), startNewsletterSink({ keepMails: false }), compileExamples(folder.path)]);
  const tables = fileURLToPath(new URL('../../examples/newsletter/tables.sql', import.meta.url));
  await database.ownerPool.query(`${readFileSync(tables, 'utf8')};
    grant all on subscriber, issue, issue_recipient to public;
    insert into subscriber (email) select case when n % ${HELD_OF} = 5 then 'held-' else 'reader-' end || n || '@example.com'
    from generate_series(1, ${RECIPIENTS}) n;
    insert into issue (subject, text, approved_at) values ('November', 'Dear reader', now())`);
}, 120_000);

afterAll(async () => {
  worker?.child.kill('SIGKILL');
  await worker?.ended;
  await sink?.close();
  await database?.drop();
  folder?.remove();
});

async function startWorker(): Promise<RunningCli> {
  const env = { DATABASE_URL: database.appUrl, TEMPORAL_ADDRESS: temporalAddress(), SMTP_URL: sink.url, UNSUBSCRIBE_SECRET: 'of the test' };
  return startCli(['worker', '--app', join('newsletter', 'tidemark.config.js')], { cwd: folder.path, env, timeoutMs: DEADLINE_MS });
}

test(
  'nobody is written to twice, and whoever may have been is on the list',
  async () => {
    const { jobs, sendNewsletter } = createNewsletter();
    const mail = newsletterMail({ pool: database.pool, mail: {} as never, from: 'news@example.com', url: '', secret: '' });
    await applySubscriptions(database.db, [mail]);
    const tidemark = createTidemark({ db: database.pool, topics, workers: [mail], jobs });
    const job = await tidemark.enqueue(sendNewsletter, {});
    const beganAt = performance.now();
    const heldAtKills: string[] = [];
    for (let kill = 1; kill <= KILLS; kill += 1) {
      sink.holds = true;
      worker = await startWorker();
      const enough = (RECIPIENTS * kill) / (KILLS + 1);
      await until(
        `the sink holds an answer, and has had ${enough} mails`,
        () => sink.held.size > 0 && sink.accepted.size >= enough,
        DEADLINE_MS,
      );
      // Stopped first: the answers are out, and nobody has read them.
      worker.child.kill('SIGSTOP');
      heldAtKills.push(...sink.held.keys());
      for (const answer of sink.held.values()) answer();
      sink.held.clear();
      worker.child.kill('SIGKILL');
      await worker.ended;
    }
    sink.holds = false;
    worker = await startWorker();
    const left = async () =>
      (await database.pool.query(`select 1 from tidemark.work where state in ('waiting', 'ready', 'claimed', 'started') limit 1`)).rows
        .length;
    await until('nothing is left to do', async () => (await left()) === 0, DEADLINE_MS);
    const tookMs = performance.now() - beganAt;
    expect(await job.result()).toEqual({ issueId: '1', recipients: RECIPIENTS });

    const { rows } = await database.pool.query('select email, state from issue_recipient');
    const sent = rows.filter(({ state }) => state === 'sent').map(({ email }) => email);
    const unknown = new Set((await readUnknown(database.pool, '1')).map(({ email }) => email));
    const twice = [...sink.accepted].filter(([, count]) => count > 1);
    console.log(
      `${RECIPIENTS} recipients, ${KILLS} kills: ${Math.round(tookMs / 1000)} s, ${sent.length} sent, ${unknown.size} unknown ` +
        `(${[...unknown].filter((email) => sink.accepted.has(email)).length} of them accepted), ${twice.length} twice`,
    );
    expect(twice).toEqual([]);
    expect(sent.length + unknown.size).toBe(RECIPIENTS);
    // Exact: what is said to be sent was accepted, and of what was accepted nothing is said otherwise than sent or unknown.
    expect(sent.filter((email) => !sink.accepted.has(email))).toEqual([]);
    expect([...sink.accepted.keys()].filter((email) => !unknown.has(email)).sort()).toEqual([...sent].sort());
    // What a kill cannot decide, and no more: at most what each killed worker had in its hands, 40 alone and 4 bursts of 8.
    expect(heldAtKills.length).toBeGreaterThanOrEqual(KILLS);
    expect(heldAtKills.filter((email) => !unknown.has(email))).toEqual([]);
    expect(unknown.size).toBeLessThanOrEqual(KILLS * (40 + 4 * 8));
    await tidemark.close();
  },
  DEADLINE_MS * 2,
);
