/**
 * Appends to a log of a known type what an application hands over: checked at the edge, with the log made by its first entry.
 *
 * A refusal comes before anything is sent or as an answer, never from a statement that fails, so a caller's transaction goes on after it.
 * A log that was looked at before costs one round trip.
 */
import { ConflictError, InvalidInputError, LogNotFoundError } from '../errors.ts';
import type { Database } from '../postgres/queryable.ts';
import { type AppendValue, appendEntries, type Once } from './append.ts';
import { createLogOfType } from './create-log.ts';
import type { LogEntry, LogMetadata, SequenceId, WorkflowId } from './event-log.ts';
import type { KnownLogs } from './known-logs.ts';
import type { LogType } from './log-type.ts';
import type { Provenance } from './provenance.ts';

/** An entry as an application writes it: its type and its own fields. */
export type NewEntry<EntryT extends LogEntry> = EntryT extends unknown ? Omit<EntryT, keyof LogMetadata> : never;

export interface AppendTypedOptions extends Provenance {
  /** The next sequence id as the caller knows it, 0n for a log that is not there yet; 'any': wherever the log ends. */
  expect: SequenceId | 'any';
  /** Work that the last of the entries asks for: `snapshot`, `compact`, `erase`, or the name of an entry work. */
  pending?: WorkflowId | undefined;
  /** The newest snapshot that the caller knows of: a newer one is in the answer. */
  snapshotId?: SequenceId | undefined;
  /** False: a log that is not there is a LogNotFoundError. Default true: the first entry makes it. */
  createsLog?: boolean | undefined;
  /** It takes effect once, however often it is asked for within 24 hours. */
  once?: Once | undefined;
}

export interface AppendTypedValue extends AppendValue {
  /** Of the first entry appended. */
  sequenceId: SequenceId;
}

export interface LogToAppendTo<EntryT extends LogEntry> {
  id: string;
  // biome-ignore lint/suspicious/noExplicitAny: the state plays no part
  logType: LogType<EntryT, any>;
  known: KnownLogs;
  /** Name of the schema, unquoted. */
  schema: string;
}

/**
 * @param entries as `checkEntries` returns them
 * @throws ConflictError, UnknownWorkflowError, IdempotencyKeyReusedError; InvalidInputError for a log of another type; LogNotFoundError with
 * `createsLog: false`
 */
export async function appendTyped<EntryT extends LogEntry>(
  db: Database,
  { id, logType, known, schema }: LogToAppendTo<EntryT>,
  entries: readonly EntryT[],
  { expect, createsLog = true, pending: _, ...options }: AppendTypedOptions,
): Promise<AppendTypedValue> {
  const append = async () => {
    const appended = await appendEntries(db, entries, { ...options, logId: id, sequenceId: expect });
    return { sequenceId: appended.nextSequenceId - BigInt(entries.length), ...appended };
  };
  if (known.has(logType.type, id)) {
    try {
      return await append();
    } catch (error) {
      if (!(error instanceof LogNotFoundError)) {
        throw error;
      }
      known.forget(logType.type, id);
    }
  }
  if (!(await findLogOfType(db, id, logType.type))) {
    if (!createsLog) {
      throw new LogNotFoundError(id);
    }
    if (expect !== 'any' && expect !== 0n) {
      throw new ConflictError(expect, 0n);
    }
    await createLogOfType(db, logType, { id, schema });
  }
  return append();
}

/** @throws InvalidInputError where the log is of another type */
export async function findLogOfType(db: Database, id: string, type: string): Promise<boolean> {
  const { rows } = await db.query(`select type from ${db.schema}.logs where id = $1::text`, [id]);
  if (rows[0] && rows[0].type !== type) {
    throw new InvalidInputError(`Log '${id}' is of type '${rows[0].type}', not '${type}'. Use its own log type, or another log id.`);
  }
  return rows.length > 0;
}

/**
 * The entries as they are stored: what the log type says of them, and `pending` on the last one.
 * @throws InvalidInputError
 */
export function checkEntries<EntryT extends LogEntry>(
  { id, logType }: Pick<LogToAppendTo<EntryT>, 'id' | 'logType'>,
  given: NewEntry<EntryT> | readonly NewEntry<EntryT>[],
  { expect, pending, actor, correlationId, causationId }: AppendTypedOptions,
): EntryT[] {
  if (expect !== 'any' && typeof expect !== 'bigint') {
    throw new InvalidInputError(
      `expect '${String(expect).slice(0, 60)}' cannot be used: give 'any', or the next sequence id as a bigint (0n for a new log).`,
    );
  }
  checkProvenance({ actor, correlationId, causationId });
  const all: readonly NewEntry<EntryT>[] = Array.isArray(given) ? given : [given];
  if (all.length === 0) {
    throw new InvalidInputError(`There is no entry to append to log '${id}'. Append at least one.`);
  }
  return all.map((entry, index) => {
    refuseMetadata(logType.type, entry);
    const parsed = logType.parseEntry(entry);
    return pending !== undefined && index === all.length - 1 ? { ...parsed, pending } : parsed;
  });
}

const METADATA = ['snapshot', 'history', 'pending'] as const;

function refuseMetadata(type: string, entry: unknown): void {
  const name = METADATA.find((field) => typeof entry === 'object' && entry !== null && field in entry);
  if (name !== undefined) {
    const fix = name === 'pending' ? "Ask for work with append's option `pending`" : 'Workflows set it';
    throw new InvalidInputError(`An entry of log type '${type}' cannot bring its own '${name}'. ${fix}.`);
  }
}

const MAX_NAME_CHARACTERS = 500;

function checkProvenance(provenance: Provenance): void {
  for (const [name, value] of Object.entries(provenance)) {
    if (value !== undefined && (typeof value !== 'string' || value.length > MAX_NAME_CHARACTERS || value.includes('\0'))) {
      throw new InvalidInputError(
        `${name} '${String(value).slice(0, 60)}' cannot be used: give text of at most ${MAX_NAME_CHARACTERS} characters, without NUL.`,
      );
    }
  }
}
