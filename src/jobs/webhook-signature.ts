/** Signatures as Standard Webhooks has them (standardwebhooks.com): receivers check them with a library of their language. */
import { createHmac } from 'node:crypto';

const BASE64_SECRET = 'whsec_';

/** Of what is sent: `v1,` and base64 of HMAC-SHA256 over `<id>.<timestamp>.<body>`. `timestamp` in seconds of Unix time. */
export function webhookSignature(secret: string, { id, timestamp, body }: { id: string; timestamp: number; body: string }): string {
  const key = secret.startsWith(BASE64_SECRET) ? Buffer.from(secret.slice(BASE64_SECRET.length), 'base64') : Buffer.from(secret, 'utf8');
  return `v1,${createHmac('sha256', key).update(`${id}.${timestamp}.${body}`).digest('base64')}`;
}
