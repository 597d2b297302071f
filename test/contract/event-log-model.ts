/** The log against a model of it: any sequence of calls gives the same answers, the same errors and the same entries. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { EventLog, LogMetadata } from '../../src/event-log/event-log.ts';
import type { ContractContext, TestEntry } from './event-log.ts';

const PAGE_SIZE = 4;
const SNAPSHOT_EVERY = 6;
const COMPACT_EVERY = 11;

type Outcome = unknown;

/** As plain as can be: an array, searched anew each time. */
class ModelLog {
  entries: TestEntry[] = [];
  first = 0n;
  mark = 0n;
  compactMark = 0n;

  get next(): bigint {
    return this.first + BigInt(this.entries.length);
  }

  range(): Outcome {
    return { error: 'sequence_range', startSequenceId: this.first, endSequenceId: this.next };
  }

  newest(): { sequenceId: bigint; blobId: string } | undefined {
    for (let index = this.entries.length - 1; index >= 0; index -= 1) {
      const blobId = this.entries[index]?.snapshot;
      if (blobId !== undefined) {
        return { sequenceId: this.first + BigInt(index), blobId };
      }
    }
    return undefined;
  }

  newer(snapshotId: bigint | undefined): object {
    const newest = this.newest();
    return snapshotId !== undefined && newest && newest.sequenceId !== snapshotId ? { lastSnapshot: newest } : {};
  }

  add(batch: TestEntry[], sequenceId: bigint, snapshotId?: bigint): Outcome {
    if (sequenceId !== this.next) {
      return { error: 'conflict', nextSequenceId: this.next };
    }
    const before = this.next;
    const open = this.entries.some(({ pending }) => pending === 'snapshot' || pending === 'compact');
    this.entries.push(...structuredClone(batch));
    const marks = batch.flatMap(({ snapshot, pending }, index) =>
      snapshot || pending === 'snapshot' || pending === 'compact' ? [before + BigInt(index)] : [],
    );
    const compacted = batch.findLastIndex(({ pending }) => pending === 'compact');
    if (compacted >= 0) {
      this.compactMark = before + BigInt(compacted);
    }
    const last = this.entries.at(-1);
    if (marks.length > 0) {
      this.mark = marks.at(-1) as bigint;
    } else if (batch.length > 0 && last && !last.pending && !open && this.next - this.mark >= BigInt(SNAPSHOT_EVERY)) {
      this.mark = this.next - 1n;
      const isCompact = [this.first, this.compactMark].every((since) => this.next - since >= BigInt(COMPACT_EVERY));
      last.pending = isCompact ? 'compact' : 'snapshot';
      this.compactMark = last.pending === 'compact' ? this.mark : this.compactMark;
    }
    return { nextSequenceId: this.next, ...this.newer(snapshotId) };
  }

  setMetadata(sequenceId: bigint, metadata: LogMetadata): Outcome {
    const entry = this.entries[Number(sequenceId - this.first)];
    if (sequenceId < this.first || !entry) {
      return this.range();
    }
    Object.assign(entry, metadata);
    return undefined;
  }

  complete(sequenceId: bigint, workflow: string, snapshot: string | undefined): Outcome {
    if (sequenceId >= 0n && sequenceId < this.first) {
      return 'truncated';
    }
    const entry = this.entries[Number(sequenceId - this.first)];
    if (!entry || sequenceId < 0n) {
      return this.range();
    }
    if (entry.pending !== workflow) {
      return 'already-done';
    }
    entry.pending = undefined;
    entry.snapshot = snapshot ?? entry.snapshot;
    return 'completed';
  }

  truncate(start: bigint): Outcome {
    if (start < this.first || start > this.next) {
      return this.range();
    }
    this.entries = this.entries.slice(Number(start - this.first));
    this.first = start;
    return undefined;
  }

  query(start: bigint | 'start' | 'snapshot', end: bigint | 'end', snapshotId?: bigint): Outcome {
    const from = start === 'start' ? this.first : start === 'snapshot' ? (this.newest()?.sequenceId ?? this.first) : start;
    if (from < this.first || from > this.next) {
      return this.range();
    }
    const to = end === 'end' || end > this.next ? this.next : end;
    const entries: TestEntry[] = [];
    for (let id = from; id < to && entries.length < PAGE_SIZE; id += 1n) {
      entries.push(this.entries[Number(id - this.first)] as TestEntry);
    }
    const endSequenceId = from + BigInt(entries.length);
    return { startSequenceId: from, endSequenceId, isComplete: endSequenceId >= to, ...this.newer(snapshotId), entries };
  }
}

interface Step {
  name: string;
  expected: Outcome;
  call: (log: EventLog<TestEntry>) => Promise<Outcome>;
}

/** Decides with the model, and changes it. */
type MakeStep = (model: ModelLog) => Step;
type Id = (model: ModelLog) => bigint;

const workflow = fc.constantFrom('snapshot', 'compact');
const blob = fc.constantFrom('a', 'b/c', 'd e');
const optional = <T>(arbitrary: fc.Arbitrary<T>, freq = 3) => fc.option(arbitrary, { nil: undefined, freq });

const heldId: fc.Arbitrary<Id> = fc.nat().map(
  (number) =>
    ({ first, entries }) =>
      first + BigInt(number % (entries.length + 1)),
);
const endId: fc.Arbitrary<Id> = fc.tuple(fc.boolean(), fc.bigInt({ min: -2n, max: 2n })).map(
  ([atStart, offset]) =>
    ({ first, next }) =>
      (atStart ? first : next) + offset,
);
const farId: fc.Arbitrary<Id> = fc.constantFrom(-1n, 2n ** 63n, -(2n ** 64n)).map((id) => () => id);
const anyId = fc.oneof({ weight: 6, arbitrary: heldId }, { weight: 4, arbitrary: endId }, { weight: 1, arbitrary: farId });
const knownSnapshot = fc.oneof(
  { weight: 2, arbitrary: fc.constant<Id>(() => undefined as never) },
  { weight: 2, arbitrary: anyId },
  { weight: 1, arbitrary: fc.constant<Id>((model) => model.newest()?.sequenceId as bigint) },
);

const seldom = <T>(arbitrary: fc.Arbitrary<T>) => fc.oneof({ weight: 7, arbitrary: fc.constant(undefined) }, { weight: 1, arbitrary });
const entry: fc.Arbitrary<TestEntry> = fc
  .record({
    type: fc.constantFrom('A', 'B'),
    value: fc.jsonValue({ maxDepth: 2 }),
    snapshot: seldom(blob),
    history: seldom(blob),
    pending: seldom(workflow),
  })
  // JSON has no negative zero.
  .map((made) => JSON.parse(JSON.stringify(made)));
const metadata: fc.Arbitrary<LogMetadata> = fc.record(
  { snapshot: optional(blob), history: optional(blob), pending: optional(workflow) },
  { requiredKeys: [] },
);

const steps: fc.Arbitrary<MakeStep>[] = [
  fc.tuple(fc.array(entry, { maxLength: 6 }), optional(anyId, 1), knownSnapshot).map(([batch, elsewhere, known]) => (model) => {
    const [at, snapshotId] = [elsewhere?.(model) ?? model.next, known(model)];
    return {
      name: `addEntries(${batch.length}, ${at}, ${snapshotId})`,
      expected: model.add(batch, at, snapshotId),
      call: (log) => log.addEntries(batch, at, snapshotId),
    };
  }),
  fc.tuple(entry, knownSnapshot).map(([added, known]) => (model) => {
    const [at, snapshotId] = [model.next, known(model)];
    return {
      name: `addEntry(${at}, ${snapshotId})`,
      expected: model.add([added], at, snapshotId),
      call: (log) => log.addEntry(added, at, snapshotId),
    };
  }),
  fc.tuple(anyId, metadata).map(([choose, set]) => (model) => {
    const id = choose(model);
    return {
      name: `setMetadata(${id}, ${Object.keys(set)})`,
      expected: model.setMetadata(id, set),
      call: (log) => log.setMetadata(id, set),
    };
  }),
  fc.tuple(anyId, workflow, optional(blob)).map(([choose, done, snapshot]) => (model) => {
    const id = choose(model);
    return {
      name: `completeWorkflow(${id}, ${done}, ${snapshot})`,
      expected: model.complete(id, done, snapshot),
      call: (log) => log.completeWorkflow(id, done, snapshot === undefined ? {} : { snapshot }),
    };
  }),
  anyId.map((choose) => (model) => {
    const start = choose(model);
    return { name: `truncate(${start})`, expected: model.truncate(start), call: (log) => log.truncate(start) };
  }),
  fc
    .tuple(
      fc.oneof({ weight: 2, arbitrary: anyId }, { weight: 1, arbitrary: fc.constantFrom('start' as const, 'snapshot' as const) }),
      fc.oneof({ weight: 2, arbitrary: anyId }, { weight: 1, arbitrary: fc.constant('end' as const) }),
      knownSnapshot,
    )
    .map(([chooseStart, chooseEnd, known]) => (model) => {
      const start = typeof chooseStart === 'string' ? chooseStart : chooseStart(model);
      const end = typeof chooseEnd === 'string' ? chooseEnd : chooseEnd(model);
      const snapshotId = known(model);
      return {
        name: `query(${start}, ${end}, ${snapshotId})`,
        expected: model.query(start, end, snapshotId),
        call: (log) => log.query(start, end, snapshotId),
      };
    }),
];
/** Twice as much is added as is done to it. */
const anyStep = fc.oneof(...steps.map((arbitrary, index) => ({ arbitrary, weight: index < 2 ? 2 : 1 })));

async function outcomeOf(call: Promise<Outcome>): Promise<Outcome> {
  try {
    return await call;
  } catch (error) {
    const { code, nextSequenceId, startSequenceId, endSequenceId } = error as Record<string, unknown>;
    return code === 'conflict' ? { error: code, nextSequenceId } : { error: code, startSequenceId, endSequenceId };
  }
}

export function describeModel({ createLog }: ContractContext, numRuns: number): void {
  describe('the model', () => {
    it('gives the same answers for any sequence of calls', async () => {
      await fc.assert(
        fc.asyncProperty(fc.array(anyStep, { minLength: 5, maxLength: 40, size: 'max' }), async (calls) => {
          const log = await createLog({ pageSize: PAGE_SIZE, snapshotEvery: SNAPSHOT_EVERY, compactEvery: COMPACT_EVERY });
          const model = new ModelLog();
          const done: string[] = [];
          for (const makeStep of calls) {
            const { name, expected, call } = makeStep(model);
            done.push(name);
            expect(await outcomeOf(call(log)), done.join('; ')).toEqual(expected);
          }
          for (let start: bigint | 'start' = 'start', complete = false; !complete; ) {
            const page = await log.query(start, 'end', -1n);
            expect(page, done.join('; ')).toEqual(model.query(start, 'end', -1n));
            start = page.endSequenceId;
            complete = page.isComplete;
          }
        }),
        { numRuns },
      );
    });
  });
}
