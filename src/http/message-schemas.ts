/** Topics, subscriptions, messages and dead letters as REST shows them. */
import { z } from 'zod';
import type { DeadLetterDetails, DeadLetter as DeadLetterValue } from '../messages/dead-letters.ts';
import { type ListedMessage, messageJson } from '../messages/list-messages.ts';
import type { ListedSubscription } from '../messages/list-subscriptions.ts';
import type { WorkDecision } from '../work/list-decisions.ts';
import type { HttpContext } from './http-context.ts';
import { Timestamp } from './schemas.ts';
import { GroupStats, Selection, Unit, UnitWithDetails, unitBody, unitDetailsBody } from './work-schemas.ts';

const NAME = /^[a-z0-9][a-z0-9._-]{0,99}$/;
const nameOf = (what: string, example: string) =>
  z
    .string()
    .regex(NAME, 'use 1 to 100 of a-z, 0-9, ".", "_" and "-", beginning with a letter or digit')
    .meta({ description: `Name of a ${what}`, example });

export const TopicName = nameOf('topic', 'order-placed');
export const SubscriptionName = nameOf('subscription', 'order-placed-mail');

const YEAR_MS = 366 * 86_400_000;
const text = z.string().min(1).max(500);

export const TopicBody = z
  .object({
    name: TopicName,
    encoding: z.enum(['json', 'binary']).describe('Whether its messages have `data` or `dataBase64`'),
    subscriptions: z.array(SubscriptionName).describe('To which its messages go'),
  })
  .meta({ id: 'Topic' });

export const PublishBody = z
  .object({
    data: z.unknown().optional().describe('What is published, as the topic has it'),
    dataBase64: z.base64().optional().describe('The same of a topic whose messages are bytes'),
    orderingKey: text.optional().describe('Subscriptions that keep order deliver messages of one key one after another'),
    notBefore: Timestamp.optional().describe('Not delivered before'),
    messageTtlMs: z.int().min(1).max(YEAR_MS).optional().describe('What has not begun by then is not delivered any more'),
    attributes: z.record(z.string().max(500), z.string().max(5_000)).optional().describe('Text by name, beside the data'),
    correlationId: text.optional(),
    causationId: text.optional(),
  })
  .strict()
  .refine((body) => 'data' in body !== 'dataBase64' in body, 'give data, or dataBase64 for a topic whose messages are bytes')
  .meta({
    id: 'NewMessage',
    description: 'With `data` or `dataBase64`, at most 1 MB',
    oneOf: [{ required: ['data'] }, { required: ['dataBase64'] }],
  });

export const Published = z
  .object({
    messageId: z.string(),
    deliveries: z.int().describe('To how many subscriptions it goes; 0 of a message that had been published before'),
    isDuplicate: z.boolean().describe('It had been published before, under the same Idempotency-Key'),
  })
  .meta({ id: 'Published' });

export const Message = z
  .object({
    messageId: z.string(),
    topic: z.string(),
    publishedAt: Timestamp,
    bytes: z.int().describe('How large its data is'),
    data: z.unknown().optional().describe('As it was published; a listing leaves out what is larger than 2 kB'),
    dataBase64: z.string().optional().describe('In its place, of a topic whose messages are bytes'),
    attributes: z.record(z.string(), z.string()),
    orderingKey: z.string().optional(),
    actor: z.string().optional().describe('Who published it'),
    correlationId: z.string().optional(),
    causationId: z.string().optional().describe('What made it: the id of a unit, where that published it'),
  })
  .meta({ id: 'Message' });

export const Subscription = z
  .object({
    name: SubscriptionName,
    topic: TopicName,
    paused: z.boolean(),
    enabled: z.boolean().describe('False: it gets nothing new'),
    ordered: z.boolean(),
    maxMessages: z.int().optional().describe('At most so many at once'),
    onPoison: z.enum(['block', 'skip']),
    messageTtlMs: z.number().optional(),
    deadLetterTopic: z.string().optional(),
    expirationMs: z.number().optional().describe('Without a worker that knows it, and without a backlog, it is removed after so long'),
    processes: z.int().describe('Worker processes that run and take it; one that was killed counts for a minute'),
    usedAt: Timestamp.describe('When it was applied last, or a worker that knows it said so'),
    createdAt: Timestamp,
    depth: GroupStats.shape.depth,
    scheduled: GroupStats.shape.scheduled,
    oldestWaitingMs: GroupStats.shape.oldestWaitingMs,
  })
  .meta({ id: 'Subscription', description: 'Who gets the messages of a topic, and how many are on their way' });

export const DeadLetter = Unit.extend({ message: Message.optional() }).meta({
  id: 'DeadLetter',
  description: 'A delivery that gave up, with its message',
});

const Decision = z
  .object({
    decision: z.enum(['redrive', 'discard']),
    decidedAt: Timestamp,
    notBefore: Timestamp.optional(),
    code: z.string().describe('Of the error that it was dead of'),
    fingerprint: z.string().optional(),
    actor: z.string().optional(),
    correlationId: z.string().optional(),
  })
  .meta({ id: 'WorkDecision', description: 'What a person decided about it' });

export const DeadLetterWithDetails = UnitWithDetails.extend({
  message: Message.optional(),
  decisions: z.array(Decision).describe('Newest first'),
}).meta({ id: 'DeadLetterDetails' });

/** Which dead letters. */
export const DeadLetterSelection = {
  subscription: z.string().max(100).optional(),
  error: Selection.error,
  fingerprint: Selection.fingerprint,
  olderThanMs: Selection.olderThanMs,
};

type Links = Pick<HttpContext, 'uiUrl' | 'namespace'>;

export function subscriptionBody({ usedAt, createdAt, ...subscription }: ListedSubscription): z.input<typeof Subscription> {
  return { ...subscription, usedAt: usedAt.toISOString(), createdAt: createdAt.toISOString() };
}

function messageBody(message: ListedMessage): z.input<typeof Message> {
  const { publishedAt, ...rest } = messageJson(message);
  return { ...rest, publishedAt: publishedAt.toISOString() };
}

export function deadLetterBody({ message, ...unit }: DeadLetterValue, links: Links): z.input<typeof DeadLetter> {
  return { ...unitBody(unit, links), ...(message ? { message: messageBody(message) } : {}) };
}

export function deadLetterDetailsBody(
  { message, decisions, ...unit }: DeadLetterDetails,
  links: Links,
): z.input<typeof DeadLetterWithDetails> {
  return {
    ...{ ...unitDetailsBody(unit, links), message: undefined },
    ...(message ? { message: messageBody(message) } : {}),
    decisions: decisions.map(decisionBody),
  };
}

function decisionBody({ decidedAt, notBefore, ...decision }: WorkDecision): z.input<typeof Decision> {
  return { ...decision, decidedAt: decidedAt.toISOString(), ...(notBefore ? { notBefore: notBefore.toISOString() } : {}) };
}
