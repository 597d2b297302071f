/**
 * Prisma, from 7, with `@prisma/adapter-pg`: a client, or that of an interactive transaction.
 *
 * That driver reads every time as UTC: the time zone of the connection has to be UTC, which is what Postgres has by default.
 */
import type { ApplicationDatabase } from '../postgres/application-database.ts';

interface PrismaTransaction {
  // biome-ignore lint/suspicious/noExplicitAny: rows of whatever kind
  $queryRawUnsafe(text: string, ...values: any[]): PromiseLike<any>;
}

interface PrismaClient extends PrismaTransaction {
  // biome-ignore lint/suspicious/noExplicitAny: Prisma's transaction has more than this
  $transaction<T>(body: (tx: any) => Promise<T>, options?: PrismaTransactionOptions): Promise<T>;
}

interface PrismaTransactionOptions {
  /** Ms to wait for a connection. Prisma's default: 2,000. */
  maxWait?: number;
  /** Ms that a transaction may take. Prisma's default: 5,000. */
  timeout?: number;
}

/**
 * @param options of the transactions that Tidemark begins
 * @example await prisma.$transaction(async (tx) => tidemark.in(fromPrisma(tx)).enqueue(report, { month }))
 */
export function fromPrisma(db: PrismaClient | PrismaTransaction, options?: PrismaTransactionOptions): ApplicationDatabase {
  return {
    async query(text, values = []) {
      try {
        const rows: Record<string, unknown>[] = await db.$queryRawUnsafe(text, ...values.map(toPrisma));
        return { rows: rows.map(rowAsPg) };
      } catch (error) {
        throw driverError(error);
      }
    },
    ...('$transaction' in db ? { transaction: (body) => db.$transaction((tx) => body(fromPrisma(tx)), options) } : {}),
  };
}

/** A Date would be sent without its time zone. */
const toPrisma = (value: unknown): unknown => (value instanceof Date ? value.toISOString() : value);

function rowAsPg(row: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(row).map(([name, value]) => [name, typeof value === 'bigint' ? String(value) : value]));
}

interface RawQueryError {
  meta?: { driverAdapterError?: { cause?: { originalCode?: string; originalMessage?: string } } };
}

/** Below 'Raw query failed' is what Postgres said. */
function driverError(error: unknown): unknown {
  const { originalCode, originalMessage } = (error as RawQueryError).meta?.driverAdapterError?.cause ?? {};
  return originalCode === undefined ? error : Object.assign(new Error(originalMessage, { cause: error }), { code: originalCode });
}
