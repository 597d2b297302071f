import { carryOut } from './carry-out.ts';

/** Work of a user's own: every registered name that has no workflow file runs this, and shows under its own name. */
export default async function entryWork(workId: string, epoch: number): Promise<unknown> {
  return carryOut(workId, epoch);
}
