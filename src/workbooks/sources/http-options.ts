/** What every source over HTTP may say: its address, how it proves who asks, its pace and its deadline. */
import { z } from 'zod';
import { type SourceContext, secretName } from '../define-source.ts';
import { SourceRefusedError } from '../source-errors.ts';

/** Secrets belong into `auth`, which names them; what a table says is shown to whoever may look. */
const SECRET_LIKE =
  /token|secret|passw|pwd|jwt|(api|access|subscription)[-_]?key|signature|^(x-)?auth($|[-_])|authorization|cookie|credential|^sig$/i;
/** Of a parameter `key`: some mean a secret by it, others what is asked for. */
const KEY_LIKE = /^[\w+/=.-]{20,}$/;
const HEADER_NAME = /^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}$/;

const address = z
  .string()
  .max(2_000)
  .superRefine((text, context) => {
    const problem = addressProblem(text);
    if (problem !== undefined) context.addIssue({ code: 'custom', message: problem });
  });

function addressProblem(text: string): string | undefined {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !/^https?:$/.test(url.protocol)) {
    return 'use an address such as https://api.example.com/orders';
  }
  if (url.username !== '' || url.password !== '') {
    return "holds a user or password; leave them out and use auth: { type: 'basic', user, secret }";
  }
  const secret = [...url.searchParams].find(
    ([name, value]) => SECRET_LIKE.test(name) || (name.toLowerCase() === 'key' && KEY_LIKE.test(value)),
  )?.[0];
  return secret === undefined
    ? undefined
    : `its parameter '${secret.slice(0, 40)}' looks like a secret; use auth: { type: 'query', name: '${secret.slice(0, 40)}', secret }`;
}

const headers = z
  .record(
    z.string(),
    z
      .string()
      .max(1_000)
      .regex(/^[\t\x20-\x7e]*$/, 'use printable ASCII'),
  )
  .superRefine((given, context) => {
    for (const name of Object.keys(given)) {
      if (!HEADER_NAME.test(name) || /^(host|connection|content-length|transfer-encoding)$/i.test(name)) {
        context.addIssue({ code: 'custom', message: `the header '${name.slice(0, 40)}' cannot be set` });
      } else if (SECRET_LIKE.test(name) || name.toLowerCase() === 'key') {
        context.addIssue({ code: 'custom', message: `the header '${name}' holds a secret; use auth: { type: 'header', name, secret }` });
      }
    }
  });

const auth = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('bearer'), secret: secretName }),
  z.strictObject({ type: z.literal('basic'), user: z.string().min(1).max(200), secret: secretName }),
  z.strictObject({ type: z.literal('header'), name: z.string().regex(HEADER_NAME, 'use the name of a header'), secret: secretName }),
  z.strictObject({ type: z.literal('query'), name: z.string().min(1).max(100), secret: secretName }),
]);

/** Fields of a schema: spread them. */
export const httpOptions = {
  url: address,
  headers: headers.optional(),
  auth: auth.optional(),
  timeoutMs: z.int().min(100).max(300_000).optional(),
  requestsPerSecond: z.number().min(0.01).max(10_000).optional(),
};

export type Auth = z.output<typeof auth>;

export interface Credentials {
  /** Headers that prove who asks. */
  credentials: Record<string, string>;
  /** A parameter of the address that does. */
  parameter?: { name: string; value: string };
  /** What is secret of them. */
  value?: string;
}

/** @param url that they are sent to. @throws SourceRefusedError */
export function credentialsOf(given: Auth | undefined, url: URL, secret: SourceContext['secret']): Credentials {
  if (given === undefined) {
    return { credentials: {} };
  }
  const value = secret(given.secret, url);
  switch (given.type) {
    case 'bearer':
      return { credentials: { authorization: `Bearer ${forHeader(given.secret, value)}` }, value };
    case 'basic':
      return { credentials: { authorization: `Basic ${Buffer.from(`${given.user}:${value}`).toString('base64')}` }, value };
    case 'header':
      return { credentials: { [given.name]: forHeader(given.secret, value) }, value };
    case 'query':
      return { credentials: {}, parameter: { name: given.name, value }, value };
  }
}

/** What a header does not take is not shown in the error of whoever tries. @throws SourceRefusedError */
function forHeader(variable: string, value: string): string {
  const text = value.trim();
  if (!/^[\t\x20-\x7e\x80-\xff]*$/.test(text)) {
    throw new SourceRefusedError(
      `${variable} holds what no header takes, such as a line break. Set it to one line, then redrive this job.`,
    );
  }
  return text;
}
