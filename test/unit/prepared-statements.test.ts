import { beforeEach, describe, expect, test, vi } from 'vitest';
import type { inSchema as InSchema, Queryable } from '../../src/postgres/queryable.ts';

let inSchema: typeof InSchema;

beforeEach(async () => {
  // What is refused once is remembered by the module.
  vi.resetModules();
  ({ inSchema } = await import('../../src/postgres/queryable.ts'));
});

interface Call {
  name?: string;
  text: string;
}

/** As pg sees them: a pool has connections to check out, a client parses types. */
function driver(kind: 'pool' | 'client' | 'adapter', refusal?: { code: string; message?: string }) {
  const calls: Call[] = [];
  const queryable = {
    async query(statement: string | Call) {
      const call = typeof statement === 'string' ? { text: statement } : { name: statement.name as string, text: statement.text };
      calls.push(call);
      if (call.name !== undefined && refusal) throw Object.assign(new Error(refusal.message ?? 'refused'), { code: refusal.code });
      return { rows: [] };
    },
    ...(kind === 'pool' ? { totalCount: 0, connect: () => {} } : {}),
    ...(kind === 'client' ? { getTypeParser: () => {} } : {}),
  } as unknown as Queryable;
  return { calls, db: inSchema(queryable) };
}

describe('a statement that runs all the time', () => {
  test.each(['pool', 'client'] as const)('has one name for one text, on a %s', async (kind) => {
    const { calls, db } = driver(kind);
    await db.prepared('select $1', [1]);
    await db.prepared('select $1', [2]);
    await db.prepared('select $1, 2', [3]);
    expect(calls[0]?.name).toMatch(/^tidemark_\S{16}$/);
    expect(calls[1]?.name).toBe(calls[0]?.name);
    expect(calls[2]?.name).not.toBe(calls[0]?.name);
    await db.query('select $1', [1]);
    expect(calls[3]).toEqual({ text: 'select $1' });
  });

  test('is sent as it is through any other driver', async () => {
    const { calls, db } = driver('adapter');
    await db.prepared('select $1', [1]);
    expect(calls).toEqual([{ text: 'select $1' }]);
  });

  test.each([
    ['is not there', { code: '26000' }],
    ['is there already', { code: '42P05' }],
    ['returns something else since a migration', { code: '0A000', message: 'cached plan must not change result type' }],
  ])('that a pooler or the server says %s is sent again as it is, and nothing is prepared from there on', async (_, refusal) => {
    const { calls, db } = driver('pool', refusal);
    await db.prepared('select $1', [1]);
    expect(calls).toEqual([{ name: expect.any(String), text: 'select $1' }, { text: 'select $1' }]);
    await db.prepared('select $1', [1]);
    expect(calls).toHaveLength(3);
    expect(calls[2]).toEqual({ text: 'select $1' });
  });

  test('that is refused within a transaction fails, because that has failed; the next one is sent as it is', async () => {
    const { calls, db } = driver('client', { code: '26000' });
    await expect(db.prepared('select $1', [1])).rejects.toMatchObject({ code: '26000' });
    await db.prepared('select $1', [1]);
    expect(calls[1]).toEqual({ text: 'select $1' });
  });

  test('fails with any other error, and goes on being prepared', async () => {
    const { calls, db } = driver('pool', { code: '57P01' });
    await expect(db.prepared('select $1', [1])).rejects.toMatchObject({ code: '57P01' });
    await expect(db.prepared('select $1', [1])).rejects.toMatchObject({ code: '57P01' });
    expect(calls).toHaveLength(2);
  });
});
