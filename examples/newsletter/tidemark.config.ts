/**
 * The application, as `tidemark worker --app` loads it. Its settings: DATABASE_URL; SMTP_URL, of the mail server; MAIL_FROM; UNSUBSCRIBE_URL and
 * UNSUBSCRIBE_SECRET, of the links to leave by.
 */
import pg from 'pg';
import { createTidemark } from 'tidemark';
import { createNewsletterTransport, newsletterMail } from './newsletter-mail.ts';
import { createNewsletter } from './send-newsletter.ts';
import { topics } from './topics.ts';

const {
  DATABASE_URL,
  SMTP_URL = 'smtp://127.0.0.1:1025',
  MAIL_FROM = 'news@example.com',
  UNSUBSCRIBE_URL = 'http://127.0.0.1:8080/unsubscribe',
  UNSUBSCRIBE_SECRET,
} = process.env;
if (!UNSUBSCRIBE_SECRET) throw new Error('UNSUBSCRIBE_SECRET is not set: give it 32 random characters that stay the same.');

const pool = new pg.Pool({ connectionString: DATABASE_URL });
const mail = createNewsletterTransport(SMTP_URL);
const { jobs, schedules } = createNewsletter();

export default createTidemark({
  db: pool,
  topics,
  workers: [newsletterMail({ pool, mail, from: MAIL_FROM, url: UNSUBSCRIBE_URL, secret: UNSUBSCRIBE_SECRET })],
  jobs,
  schedules,
});
