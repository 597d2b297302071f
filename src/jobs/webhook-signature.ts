/** Signatures as Standard Webhooks has them (standardwebhooks.com): receivers check them with a library of their language. */
import { createHmac } from 'node:crypto';

const BASE64_SECRET = 'whsec_';
/** Of a key in base64, as the standard asks for; one in plain text has 16 characters. */
const LEAST_KEY_BYTES = 24;

/** @returns why `secret` signs nothing, and what to use; undefined where it can. Never the secret itself */
export function webhookSecretProblem(secret: string): string | undefined {
  if (!/^\S{16,200}$/.test(secret)) {
    return 'use 16 to 200 characters without spaces';
  }
  // What base64 does not know is skipped when it is read: the key would be shorter than it looks, or empty.
  const encoded = secret.startsWith(BASE64_SECRET) ? secret.slice(BASE64_SECRET.length) : undefined;
  const key = encoded === undefined ? undefined : Buffer.from(encoded, 'base64');
  return key === undefined || (key.length >= LEAST_KEY_BYTES && key.toString('base64') === encoded)
    ? undefined
    : `what follows '${BASE64_SECRET}' has to be base64 of at least ${LEAST_KEY_BYTES} bytes, such as 'openssl rand -base64 32' prints`;
}

/** Of what is sent: `v1,` and base64 of HMAC-SHA256 over `<id>.<timestamp>.<body>`. `timestamp` in seconds of Unix time. */
export function webhookSignature(secret: string, { id, timestamp, body }: { id: string; timestamp: number; body: string }): string {
  const key = secret.startsWith(BASE64_SECRET) ? Buffer.from(secret.slice(BASE64_SECRET.length), 'base64') : Buffer.from(secret, 'utf8');
  return `v1,${createHmac('sha256', key).update(`${id}.${timestamp}.${body}`).digest('base64')}`;
}
