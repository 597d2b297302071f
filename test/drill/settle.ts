import { setTimeout as delay } from 'node:timers/promises';
import type { Pool } from '../../src/postgres/pool.ts';
import { SCHEMA } from './drill-settings.ts';
import { unlessOut } from './outage.ts';

const DEADLINE_MS = 180_000;

/** Waits until no unit is open and no entry pending. What does not settle is a finding, and the checker says what of it is left. */
export async function settle(owner: Pool): Promise<{ ms: number; findings: string[] }> {
  const startedAt = performance.now();
  let open = 'no answer from Postgres';
  while (performance.now() - startedAt < DEADLINE_MS) {
    const isSettled = await unlessOut(async () => {
      const { rows } = await owner.query(
        `select (select count(*) from ${SCHEMA}.work where state in ('waiting', 'ready', 'claimed', 'started')) as units,
           (select count(*) from ${SCHEMA}.entries where pending is not null) as pending`,
      );
      open = `${rows[0].units} units open, ${rows[0].pending} entries pending`;
    });
    if (isSettled && open === '0 units open, 0 entries pending') return { ms: performance.now() - startedAt, findings: [] };
    await delay(200);
  }
  return { ms: performance.now() - startedAt, findings: [`It did not settle within ${DEADLINE_MS / 1_000} s: ${open}.`] };
}
