/**
 * What a change of a table makes happen. It is a worker of a subscription, on a topic that holds the table's changes: retries, order, caps, dead letters and what
 * its context offers are those of any worker.
 */
import { createHash } from 'node:crypto';
import { checkOptionNames, type OptionNames } from '../check-option-names.ts';
import { InvalidInputError } from '../errors.ts';
import type { WorkerDefinition } from '../messages/define-worker.ts';
import type { MessageContext } from '../messages/message.ts';
import type { ChangedRow, ChangeMessage } from './change-message.ts';

export type ChangeKind = 'insert' | 'update' | 'delete' | 'truncate';

export interface ChangeOptions<RowT extends ChangedRow = ChangedRow>
  extends Partial<Omit<WorkerDefinition<ChangeMessage<RowT>>, 'topic' | 'handler'>> {
  /** Which changes. Default insert, update and delete. */
  readonly ops?: readonly ChangeKind[];
  /**
   * Only these columns, and the key, are in the message; an update is one only where one of them differs. That needs the row as it was: the table's replica
   * identity becomes full, and each update and deletion writes the old row to the write-ahead log. With `before: 'key'` it stays as it is, and every update of
   * a row is delivered.
   */
  readonly columns?: readonly (keyof RowT & string)[];
  /** 'row': `before` is the whole row as it was (replica identity full). 'key': its key, where Postgres has it. Default: 'row' where `columns` and updates need it, else 'key'. */
  readonly before?: 'row' | 'key';
  /** The rows that are there when reading begins come first, as op 'r'. Default false. */
  readonly snapshot?: boolean;
  /** Of the table. Default public. */
  readonly schema?: string;
}

/** What of a table somebody wants to know. */
export interface ChangeSelection {
  readonly schema: string;
  readonly table: string;
  readonly ops: readonly ChangeKind[];
  readonly columns?: readonly string[];
  readonly before: 'row' | 'key';
  readonly snapshot: boolean;
}

export interface ChangeDefinition<RowT extends ChangedRow = ChangedRow> extends WorkerDefinition<ChangeMessage<RowT>> {
  readonly changes: ChangeSelection;
}

// biome-ignore lint/suspicious/noExplicitAny: of whatever table
export type AnyChange = ChangeDefinition<any>;

const OPTIONS = {
  ...{ ops: true, columns: true, before: true, snapshot: true, schema: true, subscription: true, parseMessage: true, maxMessages: true },
  ...{
    ackDeadlineMs: true,
    rateLimit: true,
    retry: true,
    deadLetter: true,
    enableMessageOrdering: true,
    onPoison: true,
    messageTtlMs: true,
  },
  ...{ expirationPolicy: true, batch: true },
} as const satisfies OptionNames<ChangeOptions>;
const KINDS: readonly ChangeKind[] = ['insert', 'update', 'delete', 'truncate'];
const DEFAULT_KINDS: readonly ChangeKind[] = ['insert', 'update', 'delete'];

/**
 * By default the changes of one row are handled one after another, in the order of their commits (`enableMessageOrdering`), and the subscription is called
 * '<table>-changes'.
 * @example onChange('user', { ops: ['insert', 'update'], columns: ['email'] }, async ({ op, before, after }, { publish }) => { … });
 * @throws InvalidInputError naming the table, the option and what it may be
 */
export function onChange<RowT extends ChangedRow = ChangedRow>(
  table: string,
  options: ChangeOptions<RowT>,
  handler: (change: ChangeMessage<RowT>, context: MessageContext) => unknown,
): ChangeDefinition<RowT> {
  const { ops = DEFAULT_KINDS, columns, before, snapshot = false, schema = 'public', subscription, ...delivery } = options;
  const refuse = (problem: string) => {
    throw new InvalidInputError(`onChange of table '${String(table).slice(0, 120)}': ${problem}`);
  };
  checkOptionNames(`onChange of table '${String(table).slice(0, 120)}'`, options, OPTIONS);
  if (!isName(table) || !isName(schema)) refuse('give the names of a table and its schema as Postgres has them, up to 63 bytes each.');
  if (!Array.isArray(ops) || ops.length === 0) refuse(`ops is empty. Give one or more of ${KINDS.join(', ')}.`);
  const unknown = ops.find((kind) => !KINDS.includes(kind));
  if (unknown !== undefined) refuse(`'${String(unknown).slice(0, 60)}' is not one of its ops. Use ${KINDS.join(', ')}.`);
  if (columns !== undefined && (columns.length === 0 || !columns.every(isName)))
    refuse('columns is empty or names none. Leave it out for all of them.');
  if (before !== undefined && before !== 'row' && before !== 'key') refuse(`before is '${before}'. Use 'row' or 'key'.`);
  if (typeof handler !== 'function') refuse('it has no handler. Give it a function of the change.');
  const selection: ChangeSelection = {
    schema,
    table,
    ops: [...new Set(ops)],
    ...(columns ? { columns: [...new Set(columns)] } : {}),
    before: before ?? (columns && ops.includes('update') ? 'row' : 'key'),
    snapshot,
  };
  return {
    enableMessageOrdering: true,
    ...delivery,
    subscription: subscription ?? `${nameOf(table)}-changes`,
    topic: changeTopicName(selection),
    handler: (message, context) => handler(cut(message.data, columns), context),
    changes: selection,
  };
}

/** The topic of a table's changes: 'changes.public.user'. What no topic can be called ends in a hash of its name. */
function changeTopicName({ schema, table }: Pick<ChangeSelection, 'schema' | 'table'>): string {
  return nameOf(`changes.${schema}.${table}`);
}

function nameOf(name: string): string {
  if (/^[a-z0-9][a-z0-9._-]{0,90}$/.test(name)) {
    return name;
  }
  const plain = name
    .toLowerCase()
    .replaceAll(/[^a-z0-9._-]/g, '-')
    .replace(/^[^a-z0-9]+/, '');
  return `${plain.slice(0, 80)}-${createHash('sha256').update(name).digest('hex').slice(0, 8)}`;
}

function isName(name: unknown): boolean {
  return typeof name === 'string' && name !== '' && !name.includes('\0') && Buffer.byteLength(name) <= 63;
}

/** Another subscription of the table may want more columns than this one. */
function cut<RowT extends ChangedRow>(change: ChangeMessage<RowT>, columns: readonly string[] | undefined): ChangeMessage<RowT> {
  if (columns === undefined) {
    return change;
  }
  const wanted = new Set([...columns, ...Object.keys(change.key)]);
  const cutRow = (row: ChangedRow | null) => row && Object.fromEntries(Object.entries(row).filter(([name]) => wanted.has(name)));
  return { ...change, before: cutRow(change.before), after: cutRow(change.after) } as ChangeMessage<RowT>;
}
