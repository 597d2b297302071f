import { carryOut } from './carry-out.ts';

/** Takes the snapshot that a log entry asked for with `pending: 'snapshot'`. */
export async function snapshot(workId: string, epoch: number): Promise<unknown> {
  return carryOut(workId, epoch);
}
