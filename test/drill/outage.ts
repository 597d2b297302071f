/** What a client of a Postgres that is being killed gets to see. */
const REFUSED = /ECONNREFUSED|timeout exceeded when trying to connect/;
const BROKEN = /Connection terminated|ECONNRESET|EPIPE|client has encountered a connection error|Query read timeout|Connection ended/i;
/** 57P01…57P05: shutting down, crashed, starting up. 08…: connection. 40…: rolled back. */
const SQLSTATES = /^(57P0\d|08\w{3}|40\w{3})$/;
const CANNOT_CONNECT_NOW = '57P03';

export function isOutage(error: unknown): boolean {
  const { code } = error as { code?: string };
  return wasNeverSent(error) || SQLSTATES.test(code ?? '') || BROKEN.test(`${code} ${String(error)}`);
}

/** No connection was made, so nothing can have come of it. */
export function wasNeverSent(error: unknown): boolean {
  const { code } = error as { code?: string };
  return code === CANNOT_CONNECT_NOW || REFUSED.test(`${code} ${String(error)}`);
}

/** Runs it; an outage in the middle of it is no fault of the drill. @returns whether it came through */
export async function unlessOut(body: () => Promise<unknown>): Promise<boolean> {
  try {
    await body();
    return true;
  } catch (error) {
    if (!isOutage(error)) throw error;
    return false;
  }
}
