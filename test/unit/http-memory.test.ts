/** What the server keeps in memory of who asks: who was found a moment ago, and how often they asked. */
import { describe, expect, test } from 'vitest';
import { createBearerCache } from '../../src/http/bearer-cache.ts';
import { createRateLimit } from '../../src/http/rate-limit.ts';
import type { Bearer, Refusal } from '../../src/tokens/find-token.ts';

const anna: Bearer = { tokenId: 'anna', actor: 'anna', scopes: ['read'] };

function cacheOf(answer: (secret: string) => Bearer | Refusal, most?: number) {
  const asked: string[] = [];
  const clock = { ms: 0 };
  const find = async (secret: string) => {
    asked.push(secret);
    return answer(secret);
  };
  return { cache: createBearerCache(find, { now: () => clock.ms, ...(most === undefined ? {} : { most }) }), asked, clock };
}

describe('who was found', () => {
  test('is remembered for 5 s: a token that is revoked meanwhile is refused after that', async () => {
    let isRevoked = false;
    const { cache, asked, clock } = cacheOf(() => (isRevoked ? 'revoked' : anna));
    expect(await cache.find('a')).toBe(anna);
    isRevoked = true;
    clock.ms = 4_999;
    expect(await cache.find('a')).toBe(anna);
    expect(asked).toEqual(['a']);
    clock.ms = 5_000;
    expect(await cache.find('a')).toBe('revoked');
  });

  test('is not remembered beyond the end of their token', async () => {
    const { cache, asked, clock } = cacheOf(() => ({ ...anna, expiresInMs: 1_000 }));
    await cache.find('a');
    clock.ms = 999;
    await cache.find('a');
    expect(asked).toHaveLength(1);
    clock.ms = 1_000;
    await cache.find('a');
    expect(asked).toHaveLength(2);
  });

  test('is asked for once, however many ask side by side', async () => {
    const { cache, asked } = cacheOf(() => anna);
    await Promise.all(Array.from({ length: 10 }, () => cache.find('a')));
    expect(asked).toEqual(['a']);
  });

  test('is forgotten when they sign out, and beyond so many the first one is', async () => {
    const { cache, asked } = cacheOf(() => anna, 2);
    await cache.find('a');
    cache.forget('a');
    for (const secret of ['a', 'b', 'c', 'b', 'a']) await cache.find(secret);
    expect(asked).toEqual(['a', 'a', 'b', 'c', 'a']);
  });

  test('is nobody who was refused, nor whom the database could not say', async () => {
    let answers: (Refusal | Bearer | Error)[] = ['unknown', new Error('no database'), anna];
    const { cache } = cacheOf(() => {
      const [next] = answers;
      answers = answers.slice(1);
      if (next instanceof Error) throw next;
      return next as Bearer;
    });
    expect(await cache.find('a')).toBe('unknown');
    await expect(cache.find('a')).rejects.toThrow('no database');
    expect(await cache.find('a')).toBe(anna);
  });
});

describe('a bearer who was found before', () => {
  test('is remembered when it is time to ask again, until they are refused or forgotten', async () => {
    const clock = { ms: 0 };
    let answer: Bearer | Refusal = anna;
    const cache = createBearerCache(async () => answer, { ttlMs: 1_000, now: () => clock.ms });
    expect(cache.remembers('a')).toBe(false);
    const asking = cache.find('a');
    expect(cache.remembers('a'), 'not before the answer').toBe(false);
    await asking;
    clock.ms = 60_000;
    expect(cache.remembers('a')).toBe(true);
    const again = cache.find('a');
    expect(cache.remembers('a'), 'while they are asked about again').toBe(true);
    await again;
    answer = 'revoked';
    clock.ms = 120_000;
    await cache.find('a');
    expect(cache.remembers('a')).toBe(false);
    answer = anna;
    await cache.find('a');
    cache.forget('a');
    expect(cache.remembers('a')).toBe(false);
  });
});

describe('a limit', () => {
  test('counts each one by itself, in windows of its own', () => {
    const clock = { ms: 0 };
    const limit = createRateLimit({ most: 2, windowMs: 1_000, now: () => clock.ms });
    expect([limit.take('a'), limit.take('a')]).toEqual([undefined, undefined]);
    clock.ms = 400;
    expect(limit.take('a')).toBe(600);
    expect(limit.take('a')).toBe(600);
    expect(limit.take('b')).toBeUndefined();
    clock.ms = 1_000;
    expect([limit.take('a'), limit.take('a'), limit.take('a')]).toEqual([undefined, undefined, 1_000]);
  });

  test('remembers so many and no more', () => {
    const limit = createRateLimit({ most: 1, windowMs: 1_000, mostKeys: 2, now: () => 0 });
    for (const key of ['a', 'b', 'c']) limit.take(key);
    expect([limit.take('b'), limit.take('c'), limit.take('a')]).toEqual([1_000, 1_000, undefined]);
  });

  test('does not count what is given back', () => {
    const limit = createRateLimit({ most: 2, windowMs: 1_000, now: () => 0 });
    for (let taken = 0; taken < 10; taken += 1) {
      expect(limit.take('a')).toBeUndefined();
      limit.giveBack('a');
    }
    limit.giveBack('a');
    limit.giveBack('nobody');
    expect([limit.take('a'), limit.take('a'), limit.take('a')]).toEqual([undefined, undefined, 1_000]);
  });

  test('that is none lets everybody', () => {
    const limit = createRateLimit({ most: undefined, windowMs: 1_000 });
    for (let taken = 0; taken < 1_000; taken += 1) expect(limit.take('a')).toBeUndefined();
  });
});
