/** A sheet of 10,000 single-cell entries into a snapshot. */
import type { Environment } from './support/environment.ts';
import { measureSnapshot } from './support/measure-snapshot.ts';

export default async function measure(environment: Environment) {
  const options = { name: 'snapshot-10k', cells: 10_000, rounds: 21, reference: '23.5 ms' };
  return [await measureSnapshot(environment, options, await environment.database())];
}
