/**
 * Leaving with one click (RFC 8058): the mail program posts to the address in the header, and the subscriber is gone. A link that is only looked at, by a scanner
 * for example, shows a button and changes nothing. The address is signed, so nobody can unsubscribe others.
 */
import { createHmac, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Queryable } from 'tidemark';

const signatureOf = (secret: string, subscriberId: string): string =>
  createHmac('sha256', secret).update(`unsubscribe/${subscriberId}`).digest('base64url');

/** Mail programs offer the button only where DKIM signs both headers: let your mail server do that. */
export function unsubscribeHeaders(url: string, secret: string, subscriberId: string): Record<string, string> {
  return {
    'List-Unsubscribe': `<${url}/${subscriberId}/${signatureOf(secret, subscriberId)}>`,
    'List-Unsubscribe-Post': 'List-Unsubscribe=One-Click',
  };
}

/** Answers below the `url` of the headers, in whatever server the application has. It never rejects: what goes wrong is answered with 500. */
export async function answerUnsubscribe(db: Queryable, secret: string, request: IncomingMessage, response: ServerResponse): Promise<void> {
  // Not by URL: whoever asks for `//` or the like has no right to an error here.
  const [path = ''] = (request.url ?? '').split('?');
  const [signature = '', subscriberId = ''] = path.split('/').reverse();
  const [given, expected] = [Buffer.from(signature), Buffer.from(signatureOf(secret, subscriberId))];
  if (given.length !== expected.length || !timingSafeEqual(given, expected)) {
    response.writeHead(404).end();
  } else if (request.method === 'POST') {
    request.resume();
    try {
      await db.query('update subscriber set unsubscribed_at = now() where id = $1 and unsubscribed_at is null', [subscriberId]);
    } catch {
      // The mail program tries again, or says so.
      response.writeHead(500, TEXT).end('That did not work. Please try again later.\n');
      return;
    }
    response.writeHead(200, TEXT).end('You have been unsubscribed.\n');
  } else {
    response
      .writeHead(200, { 'content-type': 'text/html; charset=utf-8' })
      .end('<!doctype html><title>Newsletter</title><form method="post"><button>Unsubscribe</button></form>');
  }
}

const TEXT = { 'content-type': 'text/plain; charset=utf-8' };
