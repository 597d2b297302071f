/**
 * Statements that are prepared once per connection: what an append or a beginning costs the server is then its work, not reading and planning
 * its text, which is a quarter of it.
 *
 * A pooler between that hands out connections by transaction may not know prepared statements. Then the first one is refused, without an
 * effect, and from there on this process prepares nothing. So it is after a migration that changes what a statement returns.
 */
import { createHash } from 'node:crypto';
import { isPgClient, isPool } from './driver.ts';

// biome-ignore lint/suspicious/noExplicitAny: rows are typed by each caller
type Answer = Promise<{ rows: any[] }>;
type Prepared = (text: string, values: unknown[]) => Answer;

interface Preparable {
  query(text: string, values?: unknown[]): Answer;
}

const INVALID_STATEMENT_NAME = '26000';
const DUPLICATE_STATEMENT_NAME = '42P05';
const FEATURE_NOT_SUPPORTED = '0A000';

let isRefused = false;
const names = new Map<string, string>();

/** Of anything else than a pg pool or client: statements as they are. */
export function preparedOn(queryable: Preparable): Prepared {
  const asItIs: Prepared = (text, values) => queryable.query(text, values);
  if (!isPool(queryable) && !isPgClient(queryable)) {
    return asItIs;
  }
  return async (text, values) => {
    if (isRefused) {
      return asItIs(text, values);
    }
    try {
      return await queryable.query({ name: nameOf(text), text, values });
    } catch (error) {
      if (!isRefusal(error)) {
        throw error;
      }
      isRefused = true;
      if (isPgClient(queryable) && queryable.getTransactionStatus?.() !== 'I') {
        throw error; // Its transaction has failed; whoever began it tries again.
      }
      return asItIs(text, values);
    }
  };
}

/** By its text: whoever prepares under this name means the same. */
function nameOf(text: string): string {
  let name = names.get(text);
  if (name === undefined) {
    name = `tidemark_${createHash('sha256').update(text).digest('base64url').slice(0, 16)}`;
    names.set(text, name);
  }
  return name;
}

function isRefusal(error: unknown): boolean {
  const { code, message } = error as { code?: string; message?: string };
  return (
    code === INVALID_STATEMENT_NAME ||
    code === DUPLICATE_STATEMENT_NAME ||
    (code === FEATURE_NOT_SUPPORTED && /cached plan/.test(message ?? ''))
  );
}
