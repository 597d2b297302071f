/** What of a value is not of a Protobuf message, with its path. The encoder itself drops unknown fields and turns 5 into '5'. */
import { type DescField, type DescMessage, ScalarType } from '@bufbuild/protobuf';

/** @returns undefined where nothing is wrong */
export function findInitProblem(schema: DescMessage, value: unknown, path = ''): string | undefined {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    return `${path || 'the payload'} is ${describe(value)}, not the fields of '${schema.typeName}'`;
  }
  const { $typeName: typeName = schema.typeName } = value as { $typeName?: unknown };
  if (typeName !== schema.typeName) {
    return `${path || 'the payload'} is a '${String(typeName)}', not a '${schema.typeName}'`;
  }
  const members = new Map(schema.members.map((member) => [member.localName, member]));
  for (const [name, given] of Object.entries(value)) {
    const at = path === '' ? name : `${path}.${name}`;
    if (name === '$typeName' || name === '$unknown' || given === undefined) {
      continue;
    }
    const member = members.get(name);
    if (member === undefined) {
      return `'${schema.typeName}' has no field ${at} (${[...members.keys()].join(', ') || 'it has none'})`;
    }
    const problem = member.kind === 'oneof' ? oneofProblem(member.fields, given, at) : fieldProblem(member, given, at);
    if (problem !== undefined) {
      return problem;
    }
  }
  return undefined;
}

/** `{ case: 'email', value: … }`, or `{ case: undefined }`. */
function oneofProblem(fields: readonly DescField[], given: unknown, at: string): string | undefined {
  const { case: chosen, value } = (given ?? {}) as { case?: unknown; value?: unknown };
  const field = fields.find(({ localName }) => localName === chosen);
  if (field === undefined && chosen !== undefined) {
    return `${at} has no case '${String(chosen)}' (${fields.map(({ localName }) => localName).join(', ')})`;
  }
  return field && valueProblem(field, value, `${at}.value`);
}

function fieldProblem(field: DescField, given: unknown, at: string): string | undefined {
  if (field.fieldKind === 'list') {
    return Array.isArray(given)
      ? firstProblem(
          given.map((item, index) => [`${at}[${index}]`, item]),
          (item, where) => valueProblem(field, item, where),
        )
      : `${at} is ${describe(given)}, not a list`;
  }
  if (field.fieldKind === 'map') {
    return typeof given === 'object' && given !== null
      ? firstProblem(
          Object.entries(given).map(([key, item]) => [`${at}.${key}`, item]),
          (item, where) => valueProblem(field, item, where),
        )
      : `${at} is ${describe(given)}, not a map`;
  }
  return valueProblem(field, given, at);
}

function firstProblem(items: [string, unknown][], find: (item: unknown, at: string) => string | undefined): string | undefined {
  for (const [at, item] of items) {
    const problem = find(item, at);
    if (problem !== undefined) {
      return problem;
    }
  }
  return undefined;
}

/** One value: of a field, or of an item of a list or map. */
function valueProblem({ message, enum: enumeration, scalar }: DescField, value: unknown, at: string): string | undefined {
  if (message) {
    // Some of these may be given as JSON or plain values: the encoder knows which.
    return message.typeName.startsWith('google.protobuf.') ? undefined : findInitProblem(message, value, at);
  }
  const type = enumeration ? ScalarType.INT32 : (scalar as ScalarType);
  return isOf(type, value) ? undefined : `${at} is ${describe(value)}, not ${enumeration?.typeName ?? ScalarType[type].toLowerCase()}`;
}

function isOf(type: ScalarType, value: unknown): boolean {
  switch (type) {
    case ScalarType.STRING:
      return typeof value === 'string';
    case ScalarType.BOOL:
      return typeof value === 'boolean';
    case ScalarType.BYTES:
      return value instanceof Uint8Array;
    case ScalarType.DOUBLE:
    case ScalarType.FLOAT:
      return typeof value === 'number';
    case ScalarType.INT32:
    case ScalarType.SINT32:
    case ScalarType.SFIXED32:
      return Number.isInteger(value) && Math.abs((value as number) + 0.5) < 2 ** 31;
    case ScalarType.UINT32:
    case ScalarType.FIXED32:
      return Number.isInteger(value) && (value as number) >= 0 && (value as number) < 2 ** 32;
    default:
      return typeof value === 'bigint' || Number.isSafeInteger(value) || (typeof value === 'string' && /^-?[0-9]+$/.test(value));
  }
}

function describe(value: unknown): string {
  return value === null || typeof value === 'undefined' || Array.isArray(value)
    ? Array.isArray(value)
      ? 'a list'
      : String(value)
    : typeof value === 'object'
      ? 'an object'
      : `${typeof value} '${String(value).slice(0, 60)}'`;
}
