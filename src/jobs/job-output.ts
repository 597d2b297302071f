/** The lines that a job's handler logs: kept for whoever looks at the job, a page of them at a time, and gone on to the worker's own log. */
import type { MessageLogger } from '../messages/message.ts';
import type { Database } from '../postgres/queryable.ts';
import type { HandlerDependencies } from '../work/handler-dependencies.ts';
import type { Unit } from '../work/unit.ts';

export interface JobOutput {
  readonly logger: MessageLogger;
  /** Writes what has not been. A line that cannot be written is in the worker's log. */
  flush(): Promise<void>;
}

const WRITE_EVERY_MS = 500;
/** Of one attempt; what comes after them is in the worker's log alone. */
const MAX_LINES = 1_000;
const MAX_TEXT = 2_000;
const MAX_FIELDS = 4_000;

interface Line {
  level: string;
  text: string;
  fields: string | null;
}

/** @param always fields of each line in the worker's log */
export function createJobOutput(db: Database, unit: Unit, log: HandlerDependencies['log'], always: Record<string, unknown>): JobOutput {
  const lines: Line[] = [];
  let taken = 0;
  let timer: NodeJS.Timeout | undefined;

  async function flush(): Promise<void> {
    clearTimeout(timer);
    timer = undefined;
    const written = lines.splice(0);
    if (written.length === 0) {
      return;
    }
    await db
      .query(`select ${db.schema}.keep_job_lines($1::text, $2::integer, $3::text[], $4::text[], $5::text[])`, [
        unit.id,
        unit.attempt,
        written.map((line) => line.level),
        written.map((line) => line.text),
        written.map((line) => line.fields),
      ])
      .catch((error: Error) => log?.('warn', `output of ${unit.id} is not kept: ${error.message}`, always));
  }

  function keep(level: string, text: string, fields: Record<string, unknown>): void {
    taken += 1;
    if (taken > MAX_LINES + 1) {
      return;
    }
    lines.push(
      taken > MAX_LINES
        ? { level: 'warn', text: `Only ${MAX_LINES} lines of an attempt are kept: the others are in the log of the worker.`, fields: null }
        : { level, text: clean(text).slice(0, MAX_TEXT), fields: encodeFields(fields) },
    );
    timer ??= setTimeout(() => void flush(), WRITE_EVERY_MS);
  }

  const at =
    (level: keyof MessageLogger) =>
    (text: string, fields: Record<string, unknown> = {}) => {
      log?.(level, text, { ...fields, ...always });
      keep(level, String(text), fields);
    };
  return { logger: { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') }, flush };
}

/** What Postgres takes as text. */
const clean = (text: string): string => text.replaceAll(/\0|\p{Surrogate}/gu, '\uFFFD');

function encodeFields(fields: Record<string, unknown>): string | null {
  try {
    const json = JSON.stringify(fields);
    return json === '{}' || json.length > MAX_FIELDS || /\\u(?:0000|d[89a-f])/i.test(json) ? null : json;
  } catch {
    return null;
  }
}
