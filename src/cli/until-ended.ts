/** Waiting for a unit of work, with a line on standard error now and then. */
import { setTimeout as delay } from 'node:timers/promises';
import { InvalidInputError } from '../errors.ts';
import type { Database } from '../postgres/queryable.ts';
import { listWork } from '../work/list.ts';
import type { ListedUnit } from '../work/listed-unit.ts';
import { formatCount } from './print.ts';

const LOOK_EVERY_MS = 200;
const SAY_EVERY_MS = 2_000;

/** @throws whatever the database says; waits as long as there is no worker */
export async function untilEnded(db: Database, workId: string, speaks: boolean): Promise<ListedUnit> {
  for (let said = Date.now(); ; await delay(LOOK_EVERY_MS)) {
    const { units } = await listWork(db, { ids: [workId] });
    const unit = units[0];
    if (unit === undefined) {
      throw new InvalidInputError(`${workId} is gone: was its log removed?`);
    }
    if (unit.state !== 'waiting' && unit.state !== 'running') {
      return unit;
    }
    if (speaks && Date.now() - said >= SAY_EVERY_MS) {
      const { entries, total } = (unit.progress ?? {}) as { entries?: number; total?: number };
      const progress = entries === undefined ? '' : `, ${formatCount(entries)} of ${formatCount(total ?? entries)} entries`;
      process.stderr.write(`${workId} is ${unit.state}${progress}\n`);
      said = Date.now();
    }
  }
}
