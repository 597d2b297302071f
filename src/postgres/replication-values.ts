/**
 * Column values of the replication stream, from the text that Postgres sends to what JSON can hold. What JSON has no word for stays text and is named by
 * `jsonTypeOf`, so that whoever reads it makes the value of it. Of a session with the settings that `SESSION` makes, or a transaction with those of `TRANSACTION`.
 */
import pg from 'pg';

const SETTINGS = { datestyle: 'ISO', timezone: 'UTC', bytea_output: 'hex', intervalstyle: 'postgres', extra_float_digits: '1' };

const settings = (set: string) =>
  Object.entries(SETTINGS)
    .map(([name, value]) => `${set} ${name} to '${value}'`)
    .join('; ');
export const SESSION = settings('set');
export const TRANSACTION = settings('set local');

type Decode = (text: string) => unknown;

const asText: Decode = (text) => text;
/** '2026-11-21 20:00:00.123456+00' → '2026-11-21T20:00:00.123456Z'; 'infinity' and years before Christ stay as they are. */
const time: Decode = (text) =>
  /^\d{4}-\d\d-\d\d [\d:.]+(\+00)?$/.test(text) ? `${text.slice(0, 10)}T${text.slice(11).replace(/\+00$/, '')}Z` : text;
const float: Decode = (text) => {
  const value = Number(text);
  return Number.isFinite(value) ? value : text;
};

/** By the type's oid: how its text is read, what reads it back from JSON, and the oid of its array. */
const TYPES: readonly [oid: number, array: number, decode: Decode, json?: 'time' | 'bytes' | 'float'][] = [
  [16, 1000, (text) => text === 't'],
  [21, 1005, Number],
  [23, 1007, Number],
  [26, 1028, Number],
  [700, 1021, float, 'float'],
  [701, 1022, float, 'float'],
  [114, 199, (text) => JSON.parse(text)],
  [3802, 3807, (text) => JSON.parse(text)],
  [1114, 1115, time, 'time'],
  [1184, 1185, time, 'time'],
  [17, 1001, asText, 'bytes'],
  // Text for JSON and for us: bigint, numeric, text, varchar, char, uuid, date.
  [20, 1016, asText],
  [1700, 1231, asText],
  [25, 1009, asText],
  [1043, 1015, asText],
  [1042, 1014, asText],
  [2950, 2951, asText],
  [1082, 1182, asText],
];

/** Typed as another thing than it is. */
const { create } = pg.types.arrayParser as unknown as { create(text: string, decode: Decode): { parse(): unknown[] } };
const parseArray = (text: string, decode: Decode): unknown[] => create(text, decode).parse();

const decoders = new Map<number, Decode>(
  TYPES.flatMap(([oid, array, decode]) => [
    [oid, decode],
    [array, (text: string) => parseArray(text, decode)],
  ]),
);
const jsonTypes = new Map(TYPES.flatMap(([oid, array, , json]) => [[oid, json] as const, [array, json] as const]));

/** Of a type that is not known here: its text. */
export function decodeColumn(typeOid: number): Decode {
  return decoders.get(typeOid) ?? asText;
}

/** What revives its values from JSON; undefined: nothing has to. */
export function jsonTypeOf(typeOid: number): 'time' | 'bytes' | 'float' | undefined {
  return jsonTypes.get(typeOid);
}
