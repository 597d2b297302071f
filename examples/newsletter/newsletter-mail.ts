/**
 * One issue to one recipient, at most once.
 *
 * Between the server's "250 OK" and our commit there is a moment in which a process can die, and no protocol tells afterwards whether the mail is out. A welcome
 * mail is sent again then (examples/messages); a newsletter is not, it goes on a list:
 *
 * 1. "sending" is committed first, by itself. Whoever finds it there was not the one who wrote it: that attempt died, or is cut off, and may have sent the mail.
 *    The recipient is "unknown" from then on, and nobody sends again.
 * 2. What was not sent for sure waits and is tried again: nothing of the mail was read before something went wrong (no connection, no greeting, no login), or the
 *    server refuses it for the moment (4xx). An address that it refuses for good (5xx) is dead with the reason; redriven it is written to again.
 * 3. A connection that breaks after that is "unknown" too.
 *
 * Who has unsubscribed since the audience was frozen is not written to.
 */
import { Readable } from 'node:stream';
import { createTransport, type Transporter } from 'nodemailer';
import { defineWorker, NonRetryableError, type Queryable } from 'tidemark';
import { topics } from './topics.ts';
import { unsubscribeHeaders } from './unsubscribe.ts';

export interface NewsletterMailOptions {
  /** Of the application: what is committed before the mail goes out cannot be in the delivery's own transaction. */
  pool: Queryable;
  mail: Transporter;
  from: string;
  /** Where unsubscribe.ts answers. */
  url: string;
  /** Signs the links. */
  secret: string;
  /** What the mail server's owner allows. */
  rateLimit?: { messages: number; perMs: number };
}

/** Connections are kept: a newsletter is many mails. What breaks in the middle is an error: nodemailer would send it again by itself. */
export function createNewsletterTransport(url: string): Transporter {
  return createTransport({
    url,
    pool: true,
    maxConnections: 8,
    maxMessages: 10_000,
    maxRequeues: 0,
    connectionTimeout: 5_000,
    socketTimeout: 30_000,
  });
}

export function newsletterMail({ pool, mail, from, url, secret, rateLimit }: NewsletterMailOptions) {
  const domain = from.slice(from.lastIndexOf('@') + 1);
  return defineWorker(topics, {
    topic: 'newsletter-due',
    subscription: 'newsletter-mail',
    ackDeadlineMs: 60_000,
    retry: { initialMs: 5_000, maxMs: 3_600_000 },
    deadLetter: { maxDeliveryAttempts: 12 },
    ...(rateLimit ? { rateLimit } : {}),
    handler: async ({ data: { issueId, subscriberId } }, { db }) => {
      const key = [issueId, subscriberId];
      const issue = await beginSending(pool, key);
      if (issue === undefined) return;
      // Read once the server has taken the address: what fails before has sent nothing.
      const text = Readable.from([issue.text], { objectMode: false });
      try {
        await mail.sendMail({
          messageId: `<newsletter-${issueId}-${subscriberId}@${domain}>`,
          from,
          // As a text it would be a list: several people, where there is a comma in it.
          to: { name: '', address: issue.email },
          subject: issue.subject,
          text,
          headers: unsubscribeHeaders(url, secret, subscriberId),
        });
      } catch (error) {
        return await afterFailure(pool, key, { email: issue.email, wasSending: text.readableDidRead, error: error as MailError });
      }
      await db.query(`update issue_recipient set state = 'sent', changed_at = now() where issue_id = $1 and subscriber_id = $2`, key);
    },
  });
}

interface Issue {
  email: string;
  subject: string;
  text: string;
}

/** @returns what is to be sent, to this attempt and no other; undefined where there is nothing to do */
async function beginSending(pool: Queryable, key: string[]): Promise<Issue | undefined> {
  const { rows } = await pool.query(
    `update issue_recipient r set changed_at = now(), state = case
       when r.state = 'sending' then 'unknown' when s.unsubscribed_at is not null then 'unsubscribed' else 'sending' end
     from issue i, subscriber s
     where r.issue_id = $1 and r.subscriber_id = $2 and r.state in ('waiting', 'sending', 'refused') and i.id = r.issue_id and s.id = r.subscriber_id
     returning r.state, r.email, i.subject, i.text`,
    key,
  );
  return rows[0]?.state === 'sending' ? rows[0] : undefined;
}

interface MailError extends Error {
  /** What the server answered. */
  responseCode?: number;
  code?: string;
  /** What was answered, or done: 'CONN', 'AUTH PLAIN', 'MAIL FROM', 'RCPT TO', 'DATA'; 'API' before any of them. */
  command?: string;
}

async function afterFailure(
  pool: Queryable,
  key: string[],
  { email, wasSending, error }: { email: string; wasSending: boolean; error: MailError },
): Promise<void> {
  const { responseCode = 0, code, command = '', message } = error;
  const isNoAddress = code === 'EENVELOPE' && command === 'API';
  const isRefused = isNoAddress || (responseCode >= 500 && (command === 'RCPT TO' || command === 'DATA'));
  // A sender that is refused is nothing of the recipient's.
  const isTemporary = !wasSending || command === 'MAIL FROM' || (responseCode >= 400 && responseCode < 500);
  const state = isRefused ? 'refused' : isTemporary ? 'waiting' : 'unknown';
  await pool.query(
    `update issue_recipient set state = $3, reason = $4, changed_at = now() where issue_id = $1 and subscriber_id = $2 and state = 'sending'`,
    [...key, state, message],
  );
  if (state === 'refused') throw new NonRetryableError(`The mail server refuses ${email} (${isNoAddress ? 'no address' : responseCode}).`);
  if (state === 'waiting') throw error;
}

/** Those of whom nobody can say whether they were written to. Of a mailing that still goes on, also those that are under way. */
export async function readUnknown(db: Queryable, issueId: string): Promise<{ subscriberId: string; email: string }[]> {
  const { rows } = await db.query(
    `select subscriber_id::text as "subscriberId", email from issue_recipient where issue_id = $1 and state in ('sending', 'unknown') order by subscriber_id`,
    [issueId],
  );
  return rows;
}
