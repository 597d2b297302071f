/**
 * At ten, the oldest issue that is approved goes to everyone who has subscribed by then.
 *
 * 1. `send-newsletter` freezes the audience, once for each issue: one statement, one step. Who subscribes later gets the next issue.
 * 2. `newsletter-part` takes a page of it by key, publishes a message for each recipient, and enqueues itself for the next page, all in one transaction. So a
 *    mailing of any length is a chain of short jobs: a crash costs one page, no history grows, and nobody is published twice or left out.
 * 3. `newsletter-mail` (newsletter-mail.ts) has one recipient.
 */
import { defineJob, defineSchedule } from 'tidemark';
import { z } from 'zod';

const DEFAULT_PAGE = 1_000;
const id = z.string().regex(/^\d+$/);

export function createNewsletter({ page = DEFAULT_PAGE }: { page?: number } = {}) {
  const newsletterPart = defineJob({
    name: 'newsletter-part',
    input: z.object({ issueId: id, behind: id }),
    output: z.object({ recipients: z.int() }),
    handler: async ({ issueId, behind }, { db, publish, enqueue }) => {
      const { rows } = await db.query(
        `select r.subscriber_id::text as "subscriberId" from issue_recipient r where r.issue_id = $1 and r.subscriber_id > $2::bigint
         order by r.subscriber_id limit ${page}`,
        [issueId, behind],
      );
      for (const { subscriberId } of rows) await publish('newsletter-due', { issueId, subscriberId });
      if (rows.length === page) {
        const last = rows.at(-1).subscriberId;
        await enqueue(newsletterPart, { issueId, behind: last }, { id: `${issueId}/${last}` });
      }
      return { recipients: rows.length };
    },
  });

  const sendNewsletter = defineJob({
    name: 'send-newsletter',
    input: z.object({}),
    output: z.object({ issueId: id.optional(), recipients: z.int() }),
    handler: async (_, { step, enqueue, logger }) => {
      const { issueId, recipients } = await step('freeze', async ({ db }) => {
        const { rows } = await db.query(
          `with next as (
             select id from issue where approved_at is not null and frozen_at is null order by id limit 1 for update
           ), frozen as (
             update issue i set frozen_at = now() from next n where i.id = n.id and i.frozen_at is null returning i.id
           ), audience as (
             insert into issue_recipient (issue_id, subscriber_id, email)
             select f.id, s.id, s.email from frozen f cross join subscriber s where s.unsubscribed_at is null returning issue_id
           )
           select (select id::text from frozen) as "issueId", (select count(*)::integer from audience) as recipients`,
        );
        return rows[0] as { issueId: string | null; recipients: number };
      });
      if (issueId === null) {
        logger.info('no issue is approved');
        return { recipients: 0 };
      }
      logger.info('the audience is frozen', { issueId, recipients });
      await enqueue(newsletterPart, { issueId, behind: '0' }, { id: `${issueId}/0` });
      return { issueId, recipients };
    },
  });

  // Ten o'clock there, in summer and in winter. Another day's issue may still go out then: its parts and mails are units of their own, and an issue goes once.
  const newsletter = defineSchedule({ name: 'newsletter', cron: '0 10 * * *', timezone: 'Europe/Berlin', job: sendNewsletter });

  return { jobs: [sendNewsletter, newsletterPart], schedules: [newsletter], sendNewsletter };
}
