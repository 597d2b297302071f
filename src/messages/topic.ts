/**
 * A topic: a name, and what its messages are. A payload is checked when it is published and again when it is delivered: stored ones may be older.
 */
import { z } from 'zod';
import { describeIssues } from '../describe-issues.ts';
import { InvalidInputError } from '../errors.ts';
import { jsonProblem } from '../snapshots/json-value.ts';

/** How payloads of one topic are written and read. */
export interface MessageType<InputT, DataT = InputT> {
  /** Kept as JSON, or as bytes. */
  readonly encoding: 'json' | 'binary';
  /** `decode` gives the bytes as they are: workers read them, each with its `parseMessage`. */
  readonly needsParser?: boolean;
  /** @returns JSON text or bytes, as it is kept. @throws InvalidInputError naming where the payload is wrong */
  encode(payload: InputT): string | Uint8Array;
  /** @param stored what was kept: the value of JSON, or bytes. @throws InvalidInputError */
  decode(stored: unknown): DataT;
}

export interface Topic<InputT, DataT = InputT> extends MessageType<InputT, DataT> {
  readonly name: string;
}

// biome-ignore lint/suspicious/noExplicitAny: of whatever type
export type AnyTopic = Topic<any, any>;

/** Topics by their names. */
export type Topics = Readonly<Record<string, AnyTopic>>;

/** What is published to a topic. */
export type PayloadOf<TopicT> = TopicT extends Topic<infer InputT, unknown> ? InputT : never;
/** What a worker of a topic gets. */
export type DataOf<TopicT> = TopicT extends Topic<never, infer DataT> ? DataT : never;

/** A zod schema, for JSON; or how to write and read anything else. */
// biome-ignore lint/suspicious/noExplicitAny: of whatever type
export type TopicDefinition = z.ZodType | MessageType<any, any>;

type TopicOf<DefinitionT> =
  DefinitionT extends z.ZodType<infer DataT, infer InputT>
    ? Topic<InputT, DataT>
    : DefinitionT extends MessageType<infer InputT, infer DataT>
      ? Topic<InputT, DataT>
      : never;

const ENCODINGS = ['json', 'binary'];
const TOPIC_NAME = /^[a-z0-9][a-z0-9._-]{0,99}$/;

/**
 * @example const topics = defineTopics({ 'order-placed': z.object({ orderId: z.string() }) });
 * @throws InvalidInputError for a name that is none, or what does not say how its messages are written and read
 */
export function defineTopics<DefinitionsT extends Record<string, TopicDefinition>>(
  definitions: DefinitionsT,
): { readonly [NameT in keyof DefinitionsT & string]: TopicOf<DefinitionsT[NameT]> } {
  const topics = Object.entries(definitions).map(([name, definition]) => {
    checkTopicName(name);
    if (definition instanceof z.ZodType) {
      return [name, { ...jsonMessage(name, definition), name }];
    }
    checkMessageType(name, definition);
    return [name, { ...definition, name }];
  });
  return Object.fromEntries(topics);
}

/** @throws InvalidInputError */
function checkTopicName(name: string): void {
  if (!TOPIC_NAME.test(name)) {
    throw new InvalidInputError(
      `'${name.slice(0, 120)}' is not a topic: use 1 to 100 of a-z, 0-9, '.', '_' and '-', beginning with a letter or digit.`,
    );
  }
}

/** @throws InvalidInputError */
function checkMessageType(topic: string, type: Partial<MessageType<unknown>> | undefined | null): void {
  const isType = typeof type?.encode === 'function' && typeof type.decode === 'function' && ENCODINGS.includes(type.encoding as string);
  if (!isType) {
    throw new InvalidInputError(
      `Topic '${topic}' has no type that its messages can be checked with. Give it a schema of zod 4, protobuf(Schema) of tidemark/protobuf, or binary().`,
    );
  }
}

function jsonMessage(topic: string, schema: z.ZodType): MessageType<unknown> {
  const parse = (value: unknown) => {
    const parsed = schema.safeParse(value);
    if (!parsed.success) {
      throw new InvalidInputError(`A message of topic '${topic}' is refused: ${describeIssues(parsed.error)}.`);
    }
    return parsed.data;
  };
  return {
    encoding: 'json',
    encode(payload) {
      // Kept as it was given: what the schema makes of it is made when it is delivered.
      parse(payload);
      const problem = jsonProblem(payload);
      if (problem !== undefined) {
        throw new InvalidInputError(
          `A message of topic '${topic}' holds ${problem}, which JSON does not keep. Use text or a number for it.`,
        );
      }
      return JSON.stringify(payload);
    },
    decode: parse,
  };
}
