/** An error as one line for the person who ran the command: what is wrong, and what to do. */
import { errorMessage, TidemarkError } from '../errors.ts';

export interface Explanation {
  message: string;
  /** Nobody's setting or input explains it: it is ours, and a stack helps. */
  isBug: boolean;
}

export function explainError(error: unknown): Explanation {
  if (error instanceof TidemarkError) {
    return { message: errorMessage(error), isBug: false };
  }
  // Node tries each address of a host name and reports them together, without a message of its own.
  if (error instanceof AggregateError && error.errors.length > 0) {
    return explainError(error.errors[0]);
  }
  const { code, address, port, table } = error as { code?: string; address?: string; port?: number; table?: string };
  const said = errorMessage(error);
  const explained = (message: string) => ({ message, isBug: false });
  switch (code) {
    case 'ECONNREFUSED':
    case 'ECONNRESET':
    case 'ETIMEDOUT':
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
    case 'EHOSTUNREACH':
      return explained(
        `Nothing answers${address ? ` at ${address}:${port}` : ''} (${code}). Is Postgres running? See DATABASE_URL and 'tidemark doctor'.`,
      );
    case '28P01':
    case '28000':
      return explained(`Postgres refuses to let this user in (${said}). Correct DATABASE_URL.`);
    case '3D000':
      return explained(`Postgres says: ${said}. Create it, or correct DATABASE_URL.`);
    case '42501':
      return explained(`Postgres says: ${said}. Connect as a member of tidemark_app (to migrate: as the owner), or see 'tidemark doctor'.`);
    case '42P01':
    case '3F000':
    case '42883':
      return explained(`Postgres says: ${said}${table ? ` (${table})` : ''}. Run 'tidemark migrate', or correct TIDEMARK_SCHEMA.`);
    case 'TM001':
      return explained(said);
    case 'ENOENT':
    case 'EACCES':
    case 'EISDIR':
    case 'ENOSPC':
    case 'EROFS':
    case 'ENOTDIR':
    case 'EADDRINUSE':
      return explained(said);
  }
  if (typeof code === 'string' && /^(08|53|57)[0-9A-Z]{3}$/.test(code)) {
    return explained(`Postgres says: ${said}. Try again when it is up.`);
  }
  if (/Connection terminated|timeout exceeded when trying to connect/.test(said)) {
    return explained(`Postgres does not answer (${said}). Is it running? See DATABASE_URL and 'tidemark doctor'.`);
  }
  return { message: said, isBug: true };
}
