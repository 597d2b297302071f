/**
 * The application, as `tidemark worker --app` loads it. Its settings: DATABASE_URL; SMTP_URL, of the mail server; MAIL_FROM; IMAGES, the folder of
 * the blobs.
 */
import { createTransport } from 'nodemailer';
import pg from 'pg';
import { createDirectoryBlobStore, createTidemark } from 'tidemark';
import { thumbnails } from './thumbnail.ts';
import { topics } from './topics.ts';
import { shipmentWebhook } from './webhook.ts';
import { welcomeMail } from './welcome-mail.ts';

const { DATABASE_URL, SMTP_URL = 'smtp://127.0.0.1:1025', MAIL_FROM = 'hello@example.com', IMAGES = './blobs' } = process.env;

const db = new pg.Pool({ connectionString: DATABASE_URL });
// Both below the deadline of an attempt: a server that does not answer is an error that says so.
const mail = createTransport({ url: SMTP_URL, connectionTimeout: 5_000, socketTimeout: 20_000 });
const blobs = createDirectoryBlobStore({ path: IMAGES });

export default createTidemark({ db, topics, workers: [welcomeMail(mail, MAIL_FROM), shipmentWebhook, thumbnails(blobs)], blobs });
