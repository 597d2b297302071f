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

/** Answers below the `url` of the headers, in whatever server the application has. */
export async function answerUnsubscribe(db: Queryable, secret: string, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const [signature = '', subscriberId = ''] = new URL(request.url ?? '', 'http://localhost').pathname.split('/').reverse();
  const [given, expected] = [Buffer.from(signature), Buffer.from(signatureOf(secret, subscriberId))];
  if (given.length !== expected.length || !timingSafeEqual(given, expected)) {
    response.writeHead(404).end();
  } else if (request.method === 'POST') {
    request.resume();
    await db.query('update subscriber set unsubscribed_at = now() where id = $1 and unsubscribed_at is null', [subscriberId]);
    response.writeHead(200, { 'content-type': 'text/plain; charset=utf-8' }).end('You have been unsubscribed.\n');
  } else {
    response
      .writeHead(200, { 'content-type': 'text/html; charset=utf-8' })
      .end('<!doctype html><title>Newsletter</title><form method="post"><button>Unsubscribe</button></form>');
  }
}
