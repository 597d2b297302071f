/**
 * Messages in Protobuf, kept as bytes. What is published is checked against the schema as code that knows no types would have it: an unknown field or a
 * value of another type is refused with its path, because the encoder would leave it out or change it. Bytes that cannot be read are refused on delivery.
 */
import { create, type DescMessage, fromBinary, type MessageInitShape, type MessageShape, toBinary } from '@bufbuild/protobuf';
import { errorMessage, InvalidInputError } from '../errors.ts';
import { findInitProblem } from './protobuf-init.ts';
import type { MessageType } from './topic.ts';

/**
 * @param schema as protoc-gen-es generates it. A publisher gives a message or its fields, a worker gets a message.
 * @example const topics = defineTopics({ 'candidate.v1': protobuf(CandidateSchema) });
 */
export function protobuf<SchemaT extends DescMessage>(schema: SchemaT): MessageType<MessageInitShape<SchemaT>, MessageShape<SchemaT>> {
  const refusal = (what: string, options?: { cause: unknown }) =>
    new InvalidInputError(`A message of Protobuf type '${schema.typeName}' is refused: ${what}.`, options);
  return {
    encoding: 'binary',
    encode(payload) {
      const problem = findInitProblem(schema, payload);
      if (problem !== undefined) {
        throw refusal(problem);
      }
      try {
        return toBinary(schema, create(schema, payload));
      } catch (cause) {
        throw refusal(errorMessage(cause), { cause });
      }
    },
    decode(stored) {
      if (!(stored instanceof Uint8Array)) {
        throw refusal('it was kept as JSON, not as bytes; did its topic have another type?');
      }
      try {
        return fromBinary(schema, stored);
      } catch (cause) {
        throw refusal(`its ${stored.byteLength} bytes cannot be read (${errorMessage(cause)})`, { cause });
      }
    },
  };
}
