import { carryOut } from './carry-out.ts';

/** Takes the values that the entry names out of everything before it, for the entry that asked for it with `pending: 'erase'`. */
export async function erase(workId: string, epoch: number): Promise<unknown> {
  return carryOut(workId, epoch);
}
