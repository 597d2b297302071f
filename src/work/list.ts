/** Units of work as a person looks at them: newest first, a page at a time. */
import { InvalidInputError } from '../errors.ts';
import type { Database } from '../postgres/queryable.ts';
import { SHOWN_STATE_SQL, type ShownState, selectionSql, type WorkSelection } from './select.ts';

export interface ListedUnit {
  id: string;
  workflow: string;
  state: ShownState;
  group: string;
  orderingKey?: string;
  attempt: number;
  /** Workflow id of its execution in Temporal: of its own, or of its burst; absent before its first claim. */
  execution?: string;
  error?: { code: string; message: string };
  progress?: unknown;
  result?: unknown;
  actor?: string;
  correlationId?: string;
  causationId?: string;
  createdAt: Date;
  begunAt?: Date;
  finishedAt?: Date;
}

export interface WorkPage {
  units: ListedUnit[];
  /** Pass it as `after` for the next page; absent on the last one. */
  next?: string;
}

const MAX_LIMIT = 1_000;

/** @param options `limit`: at most 1,000, default 50. @throws InvalidInputError */
export async function listWork(
  db: Database,
  selection: WorkSelection,
  options: { limit?: number; after?: string } = {},
): Promise<WorkPage> {
  const { limit = 50, after } = options;
  if (!Number.isInteger(limit) || limit < 1 || limit > MAX_LIMIT) {
    throw new InvalidInputError(`A page of ${limit} units cannot be listed: use a whole number from 1 to ${MAX_LIMIT}.`);
  }
  const { condition, values } = selectionSql(selection);
  const bind = (value: unknown) => `$${values.push(value)}`;
  let position = '';
  if (after !== undefined) {
    const [createdAt, id] = parseCursor(after);
    position = `and (w.created_at, w.id) < (${bind(createdAt)}::timestamptz, ${bind(id)}::text)`;
  }
  const { rows } = await db.query(
    `select w.id, w.workflow, ${SHOWN_STATE_SQL} as state, w.group_name, w.ordering_key, w.attempt, w.execution, w.error, w.progress, w.result,
       w.actor, w.correlation_id, w.causation_id, w.created_at, w.begun_at, w.finished_at, w.created_at::text as created_at_text
     from ${db.schema}.work w
     where ${condition} ${position}
     order by w.created_at desc, w.id desc
     limit ${bind(limit + 1)}::integer`,
    values,
  );
  const page = rows.slice(0, limit);
  const last = page.at(-1);
  return {
    units: page.map(unitOf),
    ...(rows.length > limit ? { next: formatCursor(last.created_at_text, last.id) } : {}),
  };
}

// biome-ignore lint/suspicious/noExplicitAny: a row as pg returns it
function unitOf(row: any): ListedUnit {
  const optional = {
    orderingKey: row.ordering_key,
    execution: row.execution,
    error: row.error,
    progress: row.progress,
    result: row.result,
    actor: row.actor,
    correlationId: row.correlation_id,
    causationId: row.causation_id,
    begunAt: row.begun_at,
    finishedAt: row.finished_at,
  };
  return {
    id: row.id,
    workflow: row.workflow,
    state: row.state,
    group: row.group_name,
    attempt: row.attempt,
    createdAt: row.created_at,
    ...Object.fromEntries(Object.entries(optional).filter(([, value]) => value !== null)),
  };
}

// A Date would lose the microseconds, and with them units.
function formatCursor(createdAt: string, id: string): string {
  return Buffer.from(JSON.stringify([createdAt, id])).toString('base64url');
}

function parseCursor(cursor: string): [string, string] {
  try {
    const [createdAt, id] = JSON.parse(Buffer.from(cursor, 'base64url').toString('utf8'));
    if (typeof id === 'string' && !Number.isNaN(Date.parse(createdAt))) {
      return [createdAt, id];
    }
  } catch {
    // Said below, in the words of whoever typed it.
  }
  throw new InvalidInputError(`'${cursor.slice(0, 80)}' is not the place where a page ended: use what the page before gave as next.`);
}
