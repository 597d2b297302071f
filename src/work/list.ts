/** Units of work as a person looks at them: newest first, a page at a time. */
import { InvalidInputError } from '../errors.ts';
import type { Database } from '../postgres/queryable.ts';
import { type ListedUnit, listedUnit, UNIT_COLUMNS } from './listed-unit.ts';
import { formatCursor, parseCursor } from './page-cursor.ts';
import { selectionSql, type WorkSelection } from './select.ts';

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
  const conditions = [condition];
  if (after !== undefined) {
    const [createdAt, id] = parseCursor(after);
    conditions.push(`(w.created_at, w.id) < (${bind(createdAt)}::timestamptz, ${bind(id)}::text)`);
  }
  const newestFirst = `order by w.created_at desc, w.id desc limit ${bind(limit + 1)}::integer`;
  const { rows } = await db.query(
    isFew(selection)
      ? `select ${UNIT_COLUMNS} from ${db.schema}.work w where ${conditions.join(' and ')} ${newestFirst}`
      : // The newest of each group, by its index, then the newest of those: however many units there are, a page is read and no more.
        `select ${UNIT_COLUMNS}
         from (select g.name from ${db.schema}.work_group g where ${selection.group === undefined ? 'true' : `g.name = ${bind(selection.group)}::text`}) g
         cross join lateral (
           select w.* from ${db.schema}.work w where w.group_name = g.name and ${conditions.join(' and ')} ${newestFirst}
         ) w
         ${newestFirst}`,
    values,
  );
  const page = rows.slice(0, limit);
  const last = page.at(-1);
  return {
    units: page.map(listedUnit),
    ...(rows.length > limit ? { next: formatCursor(last.created_at_text, last.id) } : {}),
  };
}

/** What is found by another index, and then put in order. */
function isFew({ ids, log, fingerprint }: WorkSelection): boolean {
  return ids !== undefined || log !== undefined || fingerprint !== undefined;
}
