import type { Pool, PoolClient } from './pool.ts';

/**
 * Takes a connection out of a pool. It may break from the first moment on, also between the answer of `connect` and whoever waits for it: without a
 * listener that would be an uncaught exception. Give it back with `client.off('error', onError)` and `client.release(…)`.
 */
export function checkOut(pool: Pool, onError: (error: Error) => void): Promise<PoolClient> {
  return new Promise((resolve, reject) => {
    pool.connect((error, client) => {
      if (client === undefined) {
        reject(error);
        return;
      }
      client.on('error', onError);
      resolve(client);
    });
  });
}
