/** What an application defines is wrong where an option of it would be ignored: misspelt, of another system, or of another kind. */
import { expect, test } from 'vitest';
import { z } from 'zod';
import { createTidemark, defineTopics, defineWorker, InvalidInputError, onChange } from '../../src/index.ts';
import { createMemoryTidemark } from '../../src/testing.ts';

const topics = defineTopics({ t: z.object({ n: z.number() }) });
const db = { query: async () => ({ rows: [] }) };
// biome-ignore lint/suspicious/noExplicitAny: what TypeScript refuses, JavaScript does not
const worker = (options: object) => () => defineWorker(topics, { topic: 't', subscription: 'a', handler: () => {}, ...options } as any);
// biome-ignore lint/suspicious/noExplicitAny: as above
const app = (options: object) => () => createTidemark({ db, topics, ...options } as any);

test.each<[string, () => unknown, string]>([
  [
    'of a worker',
    worker({ ackDeadlineSeconds: 60 }),
    "'ackDeadlineSeconds' is no option of subscription 'a'. There are subscription, topic,",
  ],
  ['of deadLetter', worker({ deadLetter: { maxAttempts: 3 } }), "'maxAttempts' is no option of deadLetter of subscription 'a'"],
  [
    'of deadLetter, as text',
    worker({ deadLetter: 'grave' }),
    "deadLetter of subscription 'a' is a string. Give an object of maxDeliveryAttempts, topic",
  ],
  ['of retry', worker({ retry: { minimumBackoff: 3 } }), "'minimumBackoff' is no option of retry"],
  ['of retry, as text', worker({ retry: { initialMs: '500' } }), 'retry.initialMs'],
  ['of retry, no function', worker({ retry: { when: 'dead' } }), 'retry.when'],
  ['of rateLimit', worker({ rateLimit: { messages: 1, per: 5 } }), "'per' is no option of rateLimit"],
  ['of batch', worker({ batch: { size: 3 } }), "'size' is no option of batch"],
  ['of batch, as null', worker({ batch: null }), "batch of subscription 'a' is null"],
  ['of batch, without max', worker({ batch: { waitMs: 3 } }), "batch.max of subscription 'a' is NaN"],
  ['of expirationPolicy', worker({ expirationPolicy: { ttl: 1 } }), "'ttl' is no option of expirationPolicy"],
  ['of expirationPolicy, as a number', worker({ expirationPolicy: 60_000 }), 'expirationPolicy of subscription'],
  ['of expirationPolicy, without ttlMs', worker({ expirationPolicy: {} }), "expirationPolicy.ttlMs of subscription 'a' is NaN"],
  ['of ordering, as text', worker({ enableMessageOrdering: 'no' }), "enableMessageOrdering of subscription 'a' is 'no': use true or false"],
  ['of an app', app({ worker: [] }), "'worker' is no option of createTidemark. There are db, schema,"],
  ['of an app, no list', app({ workers: { topic: 't' } }), 'workers is no array'],
  [
    'of a change',
    () => onChange('user', { op: ['insert'] } as never, () => {}),
    "'op' is no option of onChange of table 'user'. There are ops,",
  ],
  ['of a topic', () => defineTopics({ x: { type: 'object' } as never }), "Topic 'x' has no type that its messages can be checked with"],
])('an option that would be ignored is refused: %s', (_, define, message) => {
  expect(define).toThrow(InvalidInputError);
  expect(define).toThrow(message);
});

test('one that is undefined is not there, and an option of a publish that would be ignored is refused before anything is written', async () => {
  expect(worker({ ackDeadlineSeconds: undefined, batch: undefined })).not.toThrow();
  const tidemark = createMemoryTidemark({ topics });
  await expect(tidemark.publish('t', { n: 1 }, { orderingkey: 'k' } as never)).rejects.toThrow("'orderingkey' is no option of publish");
});
