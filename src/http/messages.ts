/**
 * Topics: which there are, and publishing to them. A message is checked as one that library code publishes is; a repeat under an Idempotency-Key is the
 * message that was published first, for 7 days.
 */
import { createHash } from 'node:crypto';
import { z } from 'zod';
import { IdempotencyKeyReusedError, InvalidInputError, TopicNotFoundError } from '../errors.ts';
import { jobTopics } from '../jobs/job-topics.ts';
import { listMessages } from '../messages/list-messages.ts';
import { publishMessage } from '../messages/publish.ts';
import type { AnyTopic } from '../messages/topic.ts';
import { WORK_HINT } from '../postgres/hints.ts';
import { notify } from '../postgres/listen.ts';
import type { Authorizer } from './authorizer.ts';
import type { HttpApp, HttpContext } from './http-context.ts';
import { idempotencyHeaders, ownerOfKeys } from './idempotency.ts';
import { PublishBody, Published, TopicBody, TopicName } from './message-schemas.ts';
import { problems } from './problem.ts';
import { TAGS } from './schemas.ts';

export function messageRoutes(app: HttpApp, { tidemark, db }: HttpContext, auth: Authorizer['auth']): void {
  const { topics } = tidemark.registry;

  app.route({
    method: 'GET',
    url: '/topics',
    config: { access: 'read' },
    schema: {
      tags: [TAGS.messages],
      summary: 'List topics',
      response: { 200: z.object({ topics: z.array(TopicBody) }), ...problems() },
    },
    async handler() {
      const { rows } = await db.query(`select topic, array_agg(name order by name) as names from ${db.schema}.subscription group by topic`);
      const subscriptionsOf = new Map<string, string[]>(rows.map((row) => [row.topic, row.names]));
      const names = Object.keys(topics).sort();
      return {
        topics: names.map((name) => ({
          name,
          encoding: (topics[name] as AnyTopic).encoding,
          subscriptions: subscriptionsOf.get(name) ?? [],
        })),
      };
    },
  });

  app.route({
    method: 'POST',
    url: '/topics/:topic/messages',
    config: { access: 'publish' },
    schema: {
      tags: [TAGS.messages],
      summary: 'Publish a message',
      description: 'It and its deliveries commit together before this is answered.',
      params: z.object({ topic: TopicName }),
      headers: idempotencyHeaders('7 days'),
      body: PublishBody,
      response: { 201: Published, ...problems(404, 422) },
    },
    async handler(request, reply) {
      const { topic: name } = request.params;
      const { data, dataBase64, notBefore, ...options } = request.body;
      const topic = Object.hasOwn(topics, name) ? topics[name] : undefined;
      if (topic === undefined) {
        throw new TopicNotFoundError(name);
      }
      if (Object.hasOwn(jobTopics, name)) {
        throw new InvalidInputError(`Topic '${name}' says how jobs ended, which nobody else publishes. Publish to another topic.`);
      }
      if (tidemark.registry.changes.some((change) => change.topic === name)) {
        throw new InvalidInputError(
          `Topic '${name}' holds row changes, which 'tidemark cdc' publishes. Change the row, or publish to another topic.`,
        );
      }
      const key = request.headers['idempotency-key'];
      const { actor } = request.caller;
      const { payload, encoding } = dataBase64 === undefined ? ofJson(topic, data) : ofBytes(topic, dataBase64);
      const published = await publishMessage(db, { [name]: encoding }, name, payload, {
        ...options,
        ...(actor === undefined ? {} : { actor }),
        ...(notBefore === undefined ? {} : { notBefore: new Date(notBefore) }),
        ...(key === undefined ? {} : { dedupeKey: dedupeKey(ownerOfKeys(request.caller, auth), key) }),
      });
      if (published.isDuplicate) {
        await requireSame(published.messageId, encoding.encode(payload), key ?? '');
        reply.header('idempotent-replayed', 'true');
      }
      if (published.deliveries > 0) await notify(db, WORK_HINT, tidemark.schema);
      return reply.code(201).send(published);
    },
  });

  /** A key stands for one message. */
  async function requireSame(messageId: string, encoded: string | Uint8Array, key: string): Promise<void> {
    const first = (await listMessages(db, [messageId])).get(messageId);
    const asKept = typeof encoded === 'string' ? JSON.stringify(first?.payload) : first?.payload;
    const isSame =
      typeof encoded === 'string' ? asKept === encoded : Buffer.from(encoded).equals((asKept ?? new Uint8Array()) as Uint8Array);
    if (first !== undefined && !isSame) {
      throw new IdempotencyKeyReusedError(key);
    }
  }
}

/** What is published, and the topic as it writes that. */
interface Encoded {
  payload: unknown;
  encoding: AnyTopic;
}

function ofJson(topic: AnyTopic, data: unknown): Encoded {
  if (topic.encoding !== 'json') {
    throw new InvalidInputError(`Messages of topic '${topic.name}' are bytes: give them as dataBase64.`);
  }
  return { payload: data, encoding: topic };
}

/** Kept as they came, once the topic can read them. */
function ofBytes(topic: AnyTopic, dataBase64: string): Encoded {
  if (topic.encoding !== 'binary') {
    throw new InvalidInputError(`Messages of topic '${topic.name}' are JSON: give them as data.`);
  }
  const bytes = new Uint8Array(Buffer.from(dataBase64, 'base64'));
  const encode = () => {
    topic.decode(bytes);
    return bytes;
  };
  return { payload: bytes, encoding: { ...topic, encode } };
}

/** Of a caller's own: another one's key, or one of library code, is another key. */
function dedupeKey(owner: string, key: string): string {
  return `rest:${createHash('sha256').update(owner).digest('hex').slice(0, 32)}:${key}`;
}
