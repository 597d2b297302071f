import { describe, expect, expectTypeOf, test } from 'vitest';
import { z } from 'zod';
import { InvalidInputError } from '../../src/errors.ts';
import { defineLogType } from '../../src/event-log/define-log-type.ts';
import type { LogMetadata } from '../../src/event-log/event-log.ts';

const placed = z.object({ type: z.literal('Placed'), qty: z.int().positive() });
const packed = z.object({ type: z.literal('Packed'), qty: z.number().optional() });
const order = {
  type: 'order',
  version: 1,
  entry: z.discriminatedUnion('type', [placed, packed]),
  initial: () => ({ open: 0 }),
  apply: (state: { open: number }) => state,
};

function refusal(define: () => unknown): string {
  try {
    define();
  } catch (error) {
    expect(error).toBeInstanceOf(InvalidInputError);
    return (error as Error).message;
  }
  return expect.unreachable('it was not refused');
}

test('the types of entry and state are inferred', () => {
  const inferred = defineLogType({
    type: 'order',
    version: 1,
    entry: z.discriminatedUnion('type', [placed, packed]),
    initial: () => ({ open: 0 }),
    apply: (state, entry) => {
      expectTypeOf(state).toEqualTypeOf<{ open: number }>();
      return entry.type === 'Placed' ? { open: state.open + entry.qty } : { open: state.open - 1 };
    },
    upcast: (stored) => ({ type: 'Placed', qty: Number(stored.qty) }),
  });
  expectTypeOf(inferred.parseEntry).returns.toExtend<
    ({ type: 'Placed'; qty: number } | { type: 'Packed'; qty?: number | undefined }) & LogMetadata
  >();
  expectTypeOf(inferred.initial).returns.toEqualTypeOf<{ open: number }>();
  expect(inferred.apply({ open: 2 }, { type: 'Placed', qty: 3 }, 0n)).toEqual({ open: 5 });
});

describe('a definition is refused', () => {
  const object = <T extends z.core.$ZodLooseShape>(shape: T) => z.object({ type: z.literal('X'), ...shape });

  test.each([
    ['a field', object({ pending: z.string() }), 'pending'],
    ['a field of one of several', z.discriminatedUnion('type', [placed, object({ snapshot: z.number() })]), 'snapshot'],
    [
      'a field behind wrappers',
      z
        .union([placed, object({ history: z.string().optional() }).readonly()])
        .nullable()
        .default(null),
      'history',
    ],
    ['a field of an intersection', z.intersection(placed, z.object({ snapshot: z.string() })), 'snapshot'],
    ['a field of what it is transformed from', object({ pending: z.string() }).transform(({ type }) => ({ type })), 'pending'],
    ['a field of a lazy schema', z.lazy(() => object({ history: z.string() })), 'history'],
    ['a field of a catch', object({ history: z.string() }).catch({ type: 'X', history: '' }), 'history'],
  ])('that takes a name of the log’s own: %s', (_, entry, field) => {
    expect(refusal(() => defineLogType({ ...order, entry: entry as never }))).toBe(
      `An entry of log type 'order' has a field '${field}'; snapshot, history and pending are the log's own. Rename it.`,
    );
  });

  test.each([
    [{ type: 'Order' }, "'Order' is not a log type"],
    [{ type: '' }, "'' is not a log type"],
    [{ version: 0 }, "Version 0 of log type 'order' is not an integer from 1 to 99999"],
    [{ version: 1.5 }, 'Version 1.5'],
    [{ snapshotEvery: 5, compactEvery: 0 }, "compactEvery 0 of log type 'order' is not an integer of at least 1"],
    [{ compactEvery: 9 }, "Log type 'order' has compactEvery without snapshotEvery"],
    [{ snapshotEvery: 0 }, "snapshotEvery 0 of log type 'order' is not an integer of at least 1"],
    [{ snapshotsEvery: 5 }, "'snapshotsEvery' is no option of log type 'order'. There are type, version, snapshotEvery"],
  ])('%j', (change, message) => {
    expect(refusal(() => defineLogType({ ...order, ...change }))).toContain(message);
  });
});

describe('an entry', () => {
  const logType = defineLogType({ ...order, snapshotEvery: 7, compactEvery: 70 });

  test('is checked, and its metadata passes beside it', () => {
    expect(logType).toMatchObject({ snapshotEvery: 7, compactEvery: 70 });
    expect(logType.parseEntry({ type: 'Placed', qty: 2, pending: 'snapshot', snapshot: undefined })).toEqual({
      type: 'Placed',
      qty: 2,
      pending: 'snapshot',
    });
    expect(refusal(() => logType.parseEntry({ type: 'Placed', qty: 2, pending: 7 }))).toBe(
      "'pending' of an entry of log type 'order' is not text.",
    );
  });

  test('that is wrong is refused in one line with what is wrong', () => {
    expect(refusal(() => logType.parseEntry({ type: 'Placed', qty: -1 }))).toBe(
      "Entry 'Placed' of log type 'order' is refused: qty: Too small: expected number to be >0.",
    );
    expect(refusal(() => logType.parseEntry('x'))).toBe("An entry of log type 'order' is an object with a type, not a string.");
  });

  test('with a value that JSON does not keep is refused', () => {
    const dated = defineLogType({ ...order, entry: z.object({ type: z.literal('At'), at: z.coerce.date() }) });
    expect(refusal(() => dated.parseEntry({ type: 'At', at: '2026-01-01' }))).toContain('holds a Date at .at, which JSON does not keep');
  });

  test('of an older shape is brought up to date for the fold, and `upcast` is there for readers', () => {
    const renamed = defineLogType({
      type: 'order',
      version: 2,
      entry: placed,
      initial: () => 0,
      apply: (total, { qty }) => total + qty,
      upcast: (stored) => ({ type: 'Placed', qty: (stored.qty ?? stored.quantity) as number }),
    });
    expect(renamed.apply(1, { type: 'Placed', quantity: 4 } as never, 0n)).toBe(5);
    expect(renamed.upcast?.({ type: 'Placed', quantity: 4 } as never)).toEqual({ type: 'Placed', qty: 4 });
    expect(logType.upcast).toBeUndefined();
  });
});
