/** Topics that are bytes: Protobuf, and what only their workers can read. Types are part of the promise: `tsc` checks what is expected to be an error. */
import { describe, expect, expectTypeOf, test } from 'vitest';
import { z } from 'zod';
import {
  binary,
  createTidemark,
  defineTopics,
  defineWorker,
  InvalidInputError,
  type Message,
  messageToJson,
  type Queryable,
  triggerTypedEvent,
  typedWorkers,
} from '../../src/index.ts';
import { readData } from '../../src/messages/read-data.ts';
import { protobuf } from '../../src/protobuf.ts';
import { type Candidate, CandidateSchema } from '../support/candidate_pb.ts';

const topics = defineTopics({ placed: z.object({ id: z.string() }), 'candidate.v1': protobuf(CandidateSchema), raw: binary() });
const nobody = () => {};

describe('a Protobuf topic', () => {
  const topic = topics['candidate.v1'];

  test('keeps bytes and gives the message back, with what was left out', () => {
    const bytes = topic.encode({ userId: 'u1', score: -3, skills: [{ name: 'sql', years: 7 }] });
    expect(bytes).toBeInstanceOf(Uint8Array);
    const read = topic.decode(bytes);
    expectTypeOf(read).toEqualTypeOf<Candidate>();
    expect(read).toMatchObject({ userId: 'u1', score: -3, skills: [{ name: 'sql', years: 7 }] });
    expect(topic.decode(topic.encode({ userId: 'u2' }))).toMatchObject({ userId: 'u2', score: 0, skills: [] });
    expect(topic.decode(topic.encode(read))).toEqual(read);
  });

  test.each([
    [{ userId: 5 }, "userId is number '5', not string"],
    [{ score: 1.5 }, "score is number '1.5', not int32"],
    [{ score: 2 ** 31 }, "score is number '2147483648', not int32"],
    [{ score: '7' }, "score is string '7', not int32"],
    [{ user: 'u1' }, "'example.Candidate' has no field user (userId, score, skills)"],
    [{ skills: [{ name: 'sql' }, { years: -1 }] }, "skills[1].years is number '-1', not uint32"],
    [{ skills: 'sql' }, "skills is string 'sql', not a list"],
    [{ skills: [null] }, 'skills[0] is null, not the fields'],
    [{ $typeName: 'example.Skill', name: 'sql' }, "the payload is a 'example.Skill', not a 'example.Candidate'"],
    [null, 'the payload is null'],
    [[], 'the payload is a list'],
  ])('refuses %o, saying where', (payload, problem) => {
    expect(() => topic.encode(payload as never)).toThrow(InvalidInputError);
    expect(() => topic.encode(payload as never)).toThrow(`A message of Protobuf type 'example.Candidate' is refused: ${problem}`);
  });

  test('takes the ends of a range', () => {
    for (const score of [-(2 ** 31), 2 ** 31 - 1]) expect(topic.decode(topic.encode({ score })).score).toBe(score);
  });

  test('refuses bytes that are none of its messages', () => {
    expect(() => topic.decode(Uint8Array.of(10, 200, 1))).toThrow(/'example\.Candidate' is refused: its 3 bytes cannot be read/);
    expect(() => topic.decode({ userId: 'u1' })).toThrow('it was kept as JSON');
  });
});

describe('a binary topic', () => {
  const reading = defineWorker(topics, {
    topic: 'raw',
    subscription: 'reading',
    parseMessage: (bytes) => ({ first: bytes[0] ?? 0 }),
    handler: ({ data }) => {
      expectTypeOf(data).toEqualTypeOf<{ first: number }>();
    },
  });

  test('is read by its worker', () => {
    expect(readData(reading, topics.raw, Uint8Array.of(7, 8))).toEqual({ first: 7 });
    expect(messageToJson(Buffer.from(' {"a":1}\n'))).toEqual({ a: 1 });
    expect(messageToJson({ data: { a: 1 } })).toEqual({ a: 1 });
  });

  test('whose worker cannot read the bytes says which, and why', () => {
    const strict = { ...reading, parseMessage: messageToJson };
    expect(() => readData(strict, topics.raw, Buffer.from('{'))).toThrow(InvalidInputError);
    expect(() => readData(strict, topics.raw, Buffer.from('{'))).toThrow(
      /^'reading' cannot read a message of the binary topic 'raw' \(1 bytes\): A message of 1 bytes is not JSON: /,
    );
  });

  test('takes bytes alone', () => {
    expect(() => topics.raw.encode('text' as never)).toThrow('is string, not bytes');
  });

  test('refuses a worker without parseMessage, which is an error of its type too, and one that is of no use', () => {
    // @ts-expect-error a worker of a binary topic has parseMessage
    expect(() => defineWorker(topics, { topic: 'raw', subscription: 'blind', handler: nobody })).toThrow(
      "Subscription 'blind' cannot read the binary topic 'raw'. Give it parseMessage",
    );
    const blind = { topic: 'raw', subscription: 'blind', handler: nobody };
    const db: Queryable = { query: async () => ({ rows: [] }) };
    expect(() => createTidemark({ db, topics, workers: [blind] })).toThrow("'blind' cannot read the binary topic 'raw'");
    const superfluous = { topic: 'placed', subscription: 'two', handler: nobody, parseMessage: messageToJson };
    expect(() => createTidemark({ db, topics, workers: [superfluous] })).toThrow("topic 'placed' reads its messages");
  });
});

describe('a worker', () => {
  test('is typed by its topic', () => {
    const placed = defineWorker(topics, {
      topic: 'placed',
      subscription: 'a',
      handler: ({ data }) => expectTypeOf(data).toEqualTypeOf<{ id: string }>(),
    });
    expect(placed.subscription).toBe('a');
    defineWorker(topics, {
      topic: 'candidate.v1',
      subscription: 'b',
      handler: ({ data }) => expectTypeOf(data).toEqualTypeOf<Candidate>(),
    });
    defineWorker(topics, {
      topic: 'placed',
      subscription: 'c',
      // @ts-expect-error what it gets is not what its topic gives
      handler: (message: Message<{ id: number }>) => message.data.id,
    });
  });

  test('lists are one list, and no subscription is in it twice', () => {
    const [a, b] = ['a', 'b'].map((subscription) => defineWorker(topics, { topic: 'placed', subscription, handler: nobody }));
    if (!a || !b) throw new Error('no workers');
    expect(typedWorkers(topics, [a, [[b]]])).toEqual([a, b]);
    expect(() => typedWorkers(topics, [a, [b, a]])).toThrow("The subscription 'a' is listed twice");
    expect(() => typedWorkers(topics, [{ ...a, topic: 'nowhere' }])).toThrow("is of topic 'nowhere', which is not defined");
  });
});

test('triggerTypedEvent refuses a transaction that Tidemark does not know, and says what to do', async () => {
  const db: Queryable = { query: async () => ({ rows: [] }) };
  await expect(triggerTypedEvent(db, 'placed', { id: '1' })).rejects.toThrow('join it with tidemark.in(tx)');
});
