import type { Database } from '../postgres/queryable.ts';
import { LOG_COLUMNS, type LogInfo, logInfoOf } from './read-log.ts';

export interface ListLogsOptions {
  /** Logs whose ids begin with one of these; absent: all. */
  prefixes?: readonly string[] | undefined;
  type?: string | undefined;
  /** After this id, which the page before ended with. */
  after?: string | undefined;
  limit: number;
}

/** By id; without sheets that a download is still writing, or that another one has replaced. */
export async function listLogs(db: Database, { prefixes, type, after, limit }: ListLogsOptions): Promise<LogInfo[]> {
  const { rows } = await db.query(
    `select ${LOG_COLUMNS} from ${db.schema}.logs l
     where ($1::text[] is null or exists (select 1 from unnest($1::text[]) p where starts_with(l.id, p)))
       and ($2::text is null or l.type = $2::text) and ($3::text is null or l.id > $3::text)
       and not exists (select 1 from ${db.schema}.workbook_sheet s where s.sheet = l.id and (s.shown_at is null or s.ended_at is not null))
     order by l.id limit $4::integer`,
    [prefixes ?? null, type ?? null, after ?? null, limit],
  );
  return rows.map(logInfoOf);
}
