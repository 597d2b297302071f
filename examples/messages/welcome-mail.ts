/**
 * A user registers, and gets a mail.
 *
 * The row and the message commit together, so a user that is there is written to, and one whose registration was rolled back is not. What mail can promise:
 * it is sent at least once. Between the server's "250 OK" and our commit there is a moment in which a process can die; the next attempt sends it again, and no
 * protocol between us and the server could tell us not to. So the Message-ID is the same in every attempt: mail servers and readers that look at it show one.
 * (To mark the user first and send then would be the other way to be wrong: killed in between, nobody is ever written to.)
 */
import type { Transporter } from 'nodemailer';
import { defineWorker, NonRetryableError, type Tidemark } from 'tidemark';
import { topics } from './topics.ts';

export interface NewUser {
  id: string;
  email: string;
  name: string;
}

export async function register(tidemark: Tidemark<typeof topics>, { id, email, name }: NewUser): Promise<void> {
  await tidemark.transaction(async ({ tx, publish }) => {
    await tx.query('insert into app_user (id, email, name) values ($1, $2, $3)', [id, email, name]);
    await publish('user-registered', { userId: id, email, name });
  });
}

export function welcomeMail(mail: Transporter, from: string) {
  const domain = from.slice(from.lastIndexOf('@') + 1);
  return defineWorker(topics, {
    topic: 'user-registered',
    subscription: 'welcome-mail',
    ackDeadlineMs: 30_000,
    retry: { initialMs: 1_000, maxMs: 3_600_000 },
    deadLetter: { maxDeliveryAttempts: 12 },
    handler: async ({ data: { userId, email, name } }, { db, logger }) => {
      const { rows } = await db.query('select welcomed_at from app_user where id = $1', [userId]);
      // Deleted since, or welcomed under another message.
      if (rows.length === 0 || rows[0].welcomed_at !== null) return;
      const messageId = `<welcome-${userId}@${domain}>`;
      try {
        await mail.sendMail({
          messageId,
          from,
          to: email,
          subject: `Welcome, ${name}`,
          text: `Hello ${name},\n\nyour account is ready.\n`,
        });
      } catch (error) {
        // "No such mailbox" and its like: the server will not change its mind.
        const { responseCode } = error as { responseCode?: number };
        if (responseCode !== undefined && responseCode >= 500) {
          throw new NonRetryableError(`The mail server refuses ${email} (${responseCode}).`);
        }
        throw error;
      }
      logger.info('welcomed', { userId });
      await db.query('update app_user set welcomed_at = now(), welcome_message_id = $2 where id = $1', [userId, messageId]);
    },
  });
}
