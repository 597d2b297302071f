import { afterAll, beforeAll, expect, test } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { temporalAddress } from '../support/servers.ts';
let database: TestDatabase;
beforeAll(async () => { console.time('db'); database = await createTestDatabase(); console.timeEnd('db'); });
afterAll(() => database.drop());
test('probe', async () => {
  expect((await database.pool.query('select current_user as u, id from tidemark.installation')).rows).toEqual([{ u: 'tidemark_test_app', id: expect.any(String) }]);
  expect(temporalAddress()).toMatch(/127/);
});
