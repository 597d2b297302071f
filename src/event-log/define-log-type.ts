/**
 * Makes a log type from a zod schema of its entries and a fold. Types of entry and state are inferred.
 *
 * What is wrong with a definition is refused when it is defined, what is wrong with an entry before it is stored. Stored entries are not
 * checked again when they are folded: an older shape is what `upcast` is for.
 */
import type { z } from 'zod';
import { checkOptionNames, type OptionNames } from '../check-option-names.ts';
import { describeIssues } from '../describe-issues.ts';
import { InvalidInputError } from '../errors.ts';
import { createJsonFormat } from '../snapshots/json-format.ts';
import { jsonProblem } from '../snapshots/json-value.ts';
import type { LogEntry, LogMetadata, SequenceId } from './event-log.ts';
import type { LogType, SnapshotFormat } from './log-type.ts';
import { ownFieldNames } from './own-field-names.ts';
import { checkRetention } from './retention-settings.ts';

const METADATA_FIELDS = ['snapshot', 'history', 'pending'] as const;
const MAX_VERSION = 99_999;
const OPTIONS = {
  ...{ type: true, version: true, snapshotEvery: true, compactEvery: true, keepSnapshots: true, keepDays: true },
  ...{ entry: true, initial: true, apply: true, upcast: true, snapshots: true },
} as const satisfies OptionNames<LogTypeDefinition<EntrySchema, unknown>>;

export type EntrySchema<TypeT extends string = string> = z.ZodType<{ type: TypeT }>;

export interface LogTypeDefinition<SchemaT extends EntrySchema, StateT> {
  /** Name of the type and of its group: `[a-z0-9][a-z0-9._-]{0,99}`. */
  type: string;
  /** From 1; raise it when `apply` or `initial` mean something else. Snapshots of another version are never read: the state is rebuilt from the log. */
  version: number;
  /** Take a snapshot after this many entries; absent: only when asked. */
  snapshotEvery?: number;
  /**
   * Archive entries once a log holds this many: the snapshot that is then due also moves the entries before it from Postgres to compressed
   * blobs, where they stay readable. Needs `snapshotEvery`; absent: only when asked.
   */
  compactEvery?: number;
  /** How many of its newest snapshots a log keeps; default 10. A log's own setting goes before it. */
  keepSnapshots?: number;
  /** For how many days, today included, the last snapshot of each day is kept; default 30. */
  keepDays?: number;
  /** Objects with a `type`. Their values must survive JSON. `snapshot`, `history` and `pending` are the log's own fields. */
  entry: SchemaT;
  /** A new empty state. */
  initial: () => StateT;
  /** The state after `entry`. Pure, but for `state`, which it may change in place and return. */
  apply: (state: NoInfer<StateT>, entry: z.output<SchemaT>, sequenceId: SequenceId) => NoInfer<StateT>;
  /** A stored entry of an older shape as it would be written today. Called with every stored entry, before `apply`. */
  upcast?: (stored: LogEntry & Record<string, unknown>) => z.output<SchemaT>;
  /** How the state is kept; default: as JSON in one blob, which needs a state of plain JSON values. */
  snapshots?: SnapshotFormat<NoInfer<StateT>>;
}

/**
 * @example
 * const counter = defineLogType({
 *   type: 'counter', version: 1, snapshotEvery: 100,
 *   entry: z.object({ type: z.literal('Added'), by: z.number() }),
 *   initial: () => ({ total: 0 }),
 *   apply: (state, { by }) => ({ total: state.total + by }),
 * });
 * @throws InvalidInputError
 */
// TypeT is there so that `upcast` may return { type: 'Added' } without `as const`.
export function defineLogType<TypeT extends string, SchemaT extends EntrySchema<TypeT>, StateT>(
  definition: LogTypeDefinition<SchemaT, StateT>,
): LogType<z.output<SchemaT> & LogMetadata, StateT> {
  const { type, version, snapshotEvery, compactEvery, keepSnapshots, keepDays } = definition;
  const { entry: schema, initial, apply, upcast, snapshots } = definition;
  checkDefinition(definition);
  // Of a log type that is defined anew, with another version for example.
  checkOptionNames(`log type '${type}'`, definition, 'parseEntry' in definition ? { ...OPTIONS, parseEntry: true } : OPTIONS);
  return {
    type,
    version,
    ...(snapshotEvery === undefined ? {} : { snapshotEvery }),
    ...(compactEvery === undefined ? {} : { compactEvery }),
    ...(keepSnapshots === undefined ? {} : { keepSnapshots }),
    ...(keepDays === undefined ? {} : { keepDays }),
    parseEntry: (entry) => parseEntry(type, schema, entry),
    initial,
    ...(upcast === undefined ? {} : { upcast: upcast as LogType<z.output<SchemaT> & LogMetadata>['upcast'] & {} }),
    apply:
      upcast === undefined
        ? apply
        : (state, entry, sequenceId) => apply(state, upcast(entry as LogEntry & Record<string, unknown>), sequenceId),
    snapshots: snapshots ?? createJsonFormat<StateT>(type),
  };
}

type CheckedFields = Pick<
  LogTypeDefinition<EntrySchema, unknown>,
  'type' | 'version' | 'snapshotEvery' | 'compactEvery' | 'keepSnapshots' | 'keepDays' | 'entry'
>;

function checkDefinition({ type, version, snapshotEvery, compactEvery, keepSnapshots, keepDays, entry }: CheckedFields): void {
  if (!/^[a-z0-9][a-z0-9._-]{0,99}$/.test(type)) {
    throw new InvalidInputError(
      `'${type}' is not a log type: use 1 to 100 of a-z, 0-9, '.', '_' and '-', beginning with a letter or digit.`,
    );
  }
  if (!Number.isInteger(version) || version < 1 || version > MAX_VERSION) {
    throw new InvalidInputError(`Version ${version} of log type '${type}' is not an integer from 1 to ${MAX_VERSION}.`);
  }
  if (snapshotEvery !== undefined && (!Number.isInteger(snapshotEvery) || snapshotEvery < 1)) {
    throw new InvalidInputError(
      `snapshotEvery ${snapshotEvery} of log type '${type}' is not an integer of at least 1. Leave it out for no snapshots by policy.`,
    );
  }
  if (compactEvery !== undefined && (!Number.isInteger(compactEvery) || compactEvery < 1)) {
    throw new InvalidInputError(
      `compactEvery ${compactEvery} of log type '${type}' is not an integer of at least 1. Leave it out for no compactions by policy.`,
    );
  }
  if (compactEvery !== undefined && snapshotEvery === undefined) {
    throw new InvalidInputError(
      `Log type '${type}' has compactEvery without snapshotEvery, and a log is compacted where a snapshot is due. Give it both.`,
    );
  }
  checkRetention(`log type '${type}'`, { keepSnapshots, keepDays });
  const taken = METADATA_FIELDS.find((field) => ownFieldNames(entry).has(field));
  if (taken !== undefined) {
    throw new InvalidInputError(
      `An entry of log type '${type}' has a field '${taken}'; snapshot, history and pending are the log's own. Rename it.`,
    );
  }
}

/** The entry's own fields by the schema; metadata passes as it is, where a caller who may set it does. */
function parseEntry<SchemaT extends EntrySchema>(type: string, schema: SchemaT, entry: unknown): z.output<SchemaT> & LogMetadata {
  if (typeof entry !== 'object' || entry === null || Array.isArray(entry)) {
    throw new InvalidInputError(
      `An entry of log type '${type}' is an object with a type, not ${entry === null ? 'null' : Array.isArray(entry) ? 'an array' : `a ${typeof entry}`}.`,
    );
  }
  const { snapshot, history, pending, ...own } = entry as LogMetadata;
  const parsed = schema.safeParse(own);
  if (!parsed.success) {
    const name = (own as { type?: unknown }).type;
    throw new InvalidInputError(
      `Entry${typeof name === 'string' ? ` '${name.slice(0, 60)}'` : ''} of log type '${type}' is refused: ${describeIssues(parsed.error)}.`,
    );
  }
  const problem = jsonProblem(parsed.data);
  if (problem !== undefined) {
    throw new InvalidInputError(`An entry of log type '${type}' holds ${problem}, which JSON does not keep. Use text or a number for it.`);
  }
  const result: Record<string, unknown> = { ...(parsed.data as object) };
  for (const [field, value] of Object.entries({ snapshot, history, pending })) {
    if (value !== undefined && typeof value !== 'string') {
      throw new InvalidInputError(`'${field}' of an entry of log type '${type}' is not text.`);
    }
    if (value !== undefined) {
      result[field] = value;
    }
  }
  return result as z.output<SchemaT> & LogMetadata;
}
