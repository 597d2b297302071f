/** Parameters in Postgres' binary format: what Postgres reads is what was given. */
import { expect, test } from 'vitest';
import { integerArray, textArray } from '../../src/postgres/binary-array.ts';
import { createTestDatabase } from '../support/database.ts';

test('text of any kind, nulls and whole numbers arrive as they were given, and so do none', async () => {
  const database = await createTestDatabase();
  try {
    const texts = ['', 'plain', null, 'Grüße, 😀', '{"a": "b\\"c", \'\n}', 'x'.repeat(100_000), 'NULL', '\\x00'];
    const numbers = [0, 1, -1, 2 ** 31 - 1, -(2 ** 31)];
    for (const given of [
      { texts, numbers },
      { texts: [], numbers: [] },
    ]) {
      const { rows } = await database.pool.query('select $1::text[] as texts, $2::integer[] as numbers', [
        textArray(given.texts),
        integerArray(given.numbers),
      ]);
      expect(rows).toEqual([given]);
    }
  } finally {
    await database.drop();
  }
});
