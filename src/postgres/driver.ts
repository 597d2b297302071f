/** Which of the things that run statements are pg's own: only those have connections to check out, and statements to prepare. */
import type { Pool, PoolClient } from './pool.ts';

/** A single pg client also has `connect`: it is no pool, two transactions on it would be one. */
export function isPool(db: object): db is Pool {
  return 'totalCount' in db && 'connect' in db && typeof db.connect === 'function';
}

export function isPgClient(db: object): db is PoolClient {
  return 'getTypeParser' in db && typeof db.getTypeParser === 'function';
}
