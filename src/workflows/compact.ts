import { carryOut } from './carry-out.ts';

/** Archives the entries before the one that asked for it with `pending: 'compact'`, and truncates the log up to it. */
export async function compact(workId: string, epoch: number): Promise<unknown> {
  return carryOut(workId, epoch);
}
