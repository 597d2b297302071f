import { describe, expect, it } from 'vitest';
import { InvalidInputError, UnknownWorkflowError } from '../../src/errors.ts';
import type { LogEntry } from '../../src/event-log/event-log.ts';
import { type ContractContext, type TestEntry, testEntry } from './event-log.ts';

const MAX_ENTRY_BYTES = 1_048_576;

export function describeEntries({ createLog, filledLog }: ContractContext): void {
  describe('entries', () => {
    const values: Record<string, unknown> = {
      text: 'plain',
      quotes: `"double" 'single' \\back\\slash {curly} [square], comma`,
      control: 'nul \0 tab \t newline \n and \u2028',
      unicode: '漢字 é e\u0301 🌊 \u{10ffff}',
      'half a surrogate pair': '\ud83c',
      'array literals': '{"a",NULL,\\"b\\"}',
      numbers: [0, -1, 1.5, 1e300, 5e-324, Number.MAX_SAFE_INTEGER, 0.1 + 0.2],
      booleans: [true, false, null],
      nested: { a: [{ b: [[[]]] }, {}], '': { ' ': 1 } },
      'awkward keys': JSON.parse('{"__proto__":{"polluted":true},"constructor":1,"toString":2,"sequenceId":3}'),
      'a long text': 'x'.repeat(100_000),
    };
    it.each(Object.keys(values))('come back as they went in: %s', async (name) => {
      const log = await createLog();
      await log.addEntry(testEntry(values[name]), 0n);
      await log.addEntries([testEntry(values[name]), testEntry(name)], 1n);
      const { entries } = await log.query('start', 'end');
      expect(entries).toEqual([testEntry(values[name]), testEntry(values[name]), testEntry(name)]);
      expect(Object.keys(entries[0] as object).sort()).toEqual(['type', 'value']);
    });

    it('come back with any fields of their own, without fields of ours, and with the type they had', async () => {
      const log = await createLog();
      const own = { type: "O'Brien 漢 {}", id: 7, log_id: 'x', data: { type: 'inner', pending: 'inner' }, entries: [] };
      await log.addEntries([own, { type: 'Bare' }] as TestEntry[], 0n);
      const { entries } = await log.query('start', 'end');
      expect(entries).toEqual([own, { type: 'Bare' }]);
      for (const key of ['snapshot', 'history', 'pending']) {
        expect(entries[0]).not.toHaveProperty(key);
      }
    });

    it('leave out fields that are undefined', async () => {
      const log = await createLog();
      await log.addEntry({ type: 'Test', value: undefined, snapshot: undefined, pending: undefined }, 0n);
      expect(Object.keys((await log.query('start', 'end')).entries[0] as object)).toEqual(['type']);
    });

    it('are stored by value: what the caller keeps, and what was read, changes nothing in the log', async () => {
      const log = await createLog();
      const entry = testEntry({ list: [1] });
      const batch = [entry];
      const adding = log.addEntries(batch, 0n);
      (entry.value as { list: number[] }).list.push(2);
      entry.type = 'Changed';
      batch.push(testEntry('more'));
      await adding;
      const read = (await log.query('start', 'end')).entries;
      expect(read).toEqual([testEntry({ list: [1] })]);
      ((read[0] as TestEntry).value as { list: number[] }).list.push(3);
      read[0] = { type: 'Gone', pending: 'snapshot' };
      expect((await log.query('start', 'end')).entries).toEqual([testEntry({ list: [1] })]);
    });

    const circular: Record<string, unknown> = {};
    circular.self = circular;
    const nested = (levels: number) => JSON.parse(`${'['.repeat(levels)}${']'.repeat(levels)}`);
    const refused: Record<string, unknown> = {
      'not a number': testEntry(Number.NaN),
      infinity: testEntry([Number.NEGATIVE_INFINITY]),
      'a bigint': testEntry(1n),
      'a date': testEntry(new Date(0)),
      'a map': testEntry(new Map()),
      bytes: testEntry(new Uint8Array(1)),
      'a function': testEntry(() => {}),
      'a symbol': testEntry(Symbol('s')),
      'undefined in an array': testEntry([undefined]),
      'a hole in an array': testEntry(new Array(2)),
      'a reference to itself': testEntry(circular),
      '1,001 levels': testEntry(nested(1_001)),
      '10,000 levels': testEntry(nested(10_000)),
      'no type': { value: 1 },
      'an empty type': { type: '' },
      'a type that is no text': { type: 7 },
      'a type with a control character': { type: 'a\0b' },
      'a type of 201 characters': { type: 'x'.repeat(201) },
      null: null,
      undefined: undefined,
      text: 'text',
      array: [],
      'an instance of a class': new (class {
        type = 'Test';
      })(),
      'a snapshot that is no text': { type: 'Test', snapshot: 1 },
      'an empty snapshot': { type: 'Test', snapshot: '' },
      'a history with a control character': { type: 'Test', history: 'a\nb' },
      'null as pending': { type: 'Test', pending: null },
      'pending that is no name': { type: 'Test', pending: 'Snap Shot' },
    };
    it.each(Object.keys(refused))('are refused, and nothing is stored: %s', async (name) => {
      const log = await filledLog(1);
      await expect(log.addEntry(refused[name] as TestEntry, 1n)).rejects.toThrow(InvalidInputError);
      await expect(log.addEntries([testEntry(1), refused[name] as TestEntry], 1n)).rejects.toThrow(InvalidInputError);
      expect((await log.query('start', 'end')).endSequenceId).toBe(1n);
    });

    it('may be nested 1,000 levels deep', async () => {
      const log = await createLog();
      await log.addEntry(testEntry(nested(999)), 0n);
      expect(JSON.stringify((await log.query('start', 'end')).entries[0]?.value)).toHaveLength(2 * 999);
    });

    it('may be 1 MB of JSON in UTF-8, and not a byte more', async () => {
      const log = await createLog({ pageSize: 2 });
      const around = '{"value":""}'.length;
      const full = 'é'.repeat((MAX_ENTRY_BYTES - around) / 2);
      await log.addEntry(testEntry(full), 0n);
      await expect(log.addEntry(testEntry(`${full}x`), 1n)).rejects.toThrow(
        `is ${MAX_ENTRY_BYTES + 1} bytes of JSON; at most ${MAX_ENTRY_BYTES}`,
      );
      await expect(log.addEntries([testEntry(1), testEntry('x'.repeat(2 * MAX_ENTRY_BYTES))], 1n)).rejects.toThrow('Entry 1 of 2');
      expect((await log.query('start', 'end')).entries).toEqual([testEntry(full)]);
    });

    it('of 1 MB each come in pages, none of them lost', async () => {
      const log = await createLog();
      const large = 'x'.repeat(MAX_ENTRY_BYTES - 100);
      const count = 40;
      for (let first = 0; first < count; first += 10) {
        await log.addEntries(
          Array.from({ length: 10 }, (_, index) => testEntry(`${first + index} ${large}`)),
          BigInt(first),
        );
      }
      const numbers: number[] = [];
      for (let start = 0n, complete = false; !complete; ) {
        const page = await log.query(start, 'end');
        expect(page.startSequenceId).toBe(start);
        expect(page.entries.length).toBeGreaterThan(0);
        numbers.push(...page.entries.map(({ value }) => Number.parseInt(value as string, 10)));
        start = page.endSequenceId;
        complete = page.isComplete;
      }
      expect(numbers).toEqual(Array.from({ length: count }, (_, index) => index));
    });

    it('keep the metadata they were added with', async () => {
      const log = await createLog();
      const added: LogEntry[] = [
        { type: 'A', snapshot: 'dir/snap shot-1', history: 'h', pending: 'compact' },
        { type: 'B' },
        { type: 'C', pending: 'snapshot' },
      ];
      await log.addEntries(added, 0n);
      expect((await log.query('start', 'end')).entries).toEqual(added);
      expect((await log.query(2n, 'end')).entries).toEqual(added.slice(2));
    });

    it('with a workflow that nobody knows are refused, all of the batch', async () => {
      const log = await filledLog(1);
      for (const batch of [[{ ...testEntry(1), pending: 'nobody' }], [testEntry(1), { ...testEntry(2), pending: 'nobody' }]]) {
        const error = await log.addEntries(batch, 1n).catch((caught) => caught);
        expect(error).toBeInstanceOf(UnknownWorkflowError);
        expect(error.message).toContain("'nobody'");
      }
      expect((await log.query('start', 'end')).endSequenceId).toBe(1n);
    });
  });
}
