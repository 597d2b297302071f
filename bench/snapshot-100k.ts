/** A sheet of 100,000 single-cell entries into a snapshot. */
import type { Environment } from './support/environment.ts';
import { measureSnapshot } from './support/measure-snapshot.ts';

export default async function measure(environment: Environment) {
  const options = { name: 'snapshot-100k', cells: 100_000, rounds: 11, reference: '308 ms' };
  return [await measureSnapshot(environment, options, await environment.database())];
}
