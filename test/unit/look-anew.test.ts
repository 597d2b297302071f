/** A look that callers share: none of them gets one that began before they asked. */
import { expect, test } from 'vitest';
import { lookAnew } from '../../src/http/look-anew.ts';

function looks() {
  const begun: PromiseWithResolvers<number>[] = [];
  const look = lookAnew(() => {
    const one = withResolvers<number>();
    begun.push(one);
    return one.promise;
  });
  return { begun, look };
}

interface PromiseWithResolvers<T> {
  promise: Promise<T>;
  resolve(value: T): void;
  reject(error: Error): void;
}

function withResolvers<T>(): PromiseWithResolvers<T> {
  let settle: Pick<PromiseWithResolvers<T>, 'resolve' | 'reject'> | undefined;
  const promise = new Promise<T>((resolve, reject) => {
    settle = { resolve, reject };
  });
  return { promise, ...(settle as Pick<PromiseWithResolvers<T>, 'resolve' | 'reject'>) };
}

test('who asks while one is under way gets the next one, with all who ask meanwhile', async () => {
  const { begun, look } = looks();
  const first = look();
  const second = look();
  const third = look();
  expect(begun).toHaveLength(1);
  begun[0]?.resolve(1);
  expect(await first).toBe(1);
  await Promise.resolve();
  expect(begun).toHaveLength(2);
  begun[1]?.resolve(2);
  expect(await Promise.all([second, third])).toEqual([2, 2]);
  const last = look();
  begun[2]?.resolve(3);
  expect(await last).toBe(3);
});

test('one that fails fails for those who wait for it, and for nobody else', async () => {
  const { begun, look } = looks();
  const first = look();
  const second = look();
  begun[0]?.reject(new Error('away'));
  await expect(first).rejects.toThrow('away');
  await Promise.resolve();
  begun[1]?.resolve(2);
  expect(await second).toBe(2);
});
