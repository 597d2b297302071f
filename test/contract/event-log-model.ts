/** The log against a model of it: any sequence of calls gives the same answers, the same errors and the same entries. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { EventLog, LogMetadata } from '../../src/event-log/event-log.ts';
import type { ContractContext, TestEntry } from './event-log.ts';

const RUNS = 40;
const PAGE_SIZE = 4;
const SNAPSHOT_EVERY = 6;

type Outcome = unknown;

/** As plain as can be: an array, searched anew each time. */
class ModelLog {
  entries: TestEntry[] = [];
  first = 0n;
  mark = 0n;

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
    const open = this.entries.some(({ pending }) => pending === 'snapshot');
    this.entries.push(...structuredClone(batch));
    const marks = batch.flatMap(({ snapshot, pending }, index) => (snapshot || pending === 'snapshot' ? [before + BigInt(index)] : []));
    const last = this.entries.at(-1);
    if (marks.length > 0) {
      this.mark = marks.at(-1) as bigint;
    } else if (batch.length > 0 && last && !last.pending && !open && this.next - this.mark >= BigInt(SNAPSHOT_EVERY)) {
      last.pending = 'snapshot';
      this.mark = this.next - 1n;
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

type Step = { name: string; model: (model: ModelLog) => Outcome; log: (log: EventLog<TestEntry>) => Promise<Outcome> };

const workflow = fc.constantFrom('snapshot', 'compact');
const blob = fc.constantFrom('a', 'b/c', 'd e');
/** Ids around the ends of a short log, and some far away. */
const anyId = fc.oneof(
  { weight: 9, arbitrary: fc.bigInt({ min: -2n, max: 40n }) },
  { weight: 1, arbitrary: fc.constantFrom(2n ** 63n, -(2n ** 64n)) },
);
const knownSnapshot = fc.option(anyId, { nil: undefined });
const entry: fc.Arbitrary<TestEntry> = fc
  .record(
    {
      type: fc.constantFrom('A', 'B'),
      value: fc.jsonValue({ maxDepth: 2, noUnicodeString: false }),
      snapshot: blob,
      history: blob,
      pending: workflow,
    },
    { requiredKeys: ['type'] },
  )
  .map((made) => JSON.parse(JSON.stringify(made)));
const metadata: fc.Arbitrary<LogMetadata> = fc.record(
  {
    snapshot: fc.option(blob, { nil: undefined }),
    history: fc.option(blob, { nil: undefined }),
    pending: fc.option(workflow, { nil: undefined }),
  },
  { requiredKeys: [] },
);

const steps: fc.Arbitrary<Step>[] = [
  // Most of the time at E, whatever that is by then.
  fc.tuple(fc.array(entry, { maxLength: 6 }), fc.option(anyId, { nil: undefined, freq: 6 }), knownSnapshot).map(([batch, at, known]) => ({
    name: `addEntries(${batch.length}, ${at ?? 'E'}, ${known})`,
    model: (model) => model.add(batch, at ?? model.next, known),
    log: async (log) => log.addEntries(batch, at ?? (await endOf(log)), known),
  })),
  fc.tuple(entry, knownSnapshot).map(([added, known]) => ({
    name: `addEntry(E, ${known})`,
    model: (model) => model.add([added], model.next, known),
    log: async (log) => log.addEntry(added, await endOf(log), known),
  })),
  fc.tuple(anyId, metadata).map(([id, set]) => ({
    name: `setMetadata(${id}, ${Object.keys(set)})`,
    model: (model) => model.setMetadata(id, set),
    log: (log) => log.setMetadata(id, set),
  })),
  fc.tuple(anyId, workflow, fc.option(blob, { nil: undefined })).map(([id, done, snapshot]) => ({
    name: `completeWorkflow(${id}, ${done})`,
    model: (model) => model.complete(id, done, snapshot),
    log: (log) => log.completeWorkflow(id, done, snapshot === undefined ? {} : { snapshot }),
  })),
  anyId.map((start) => ({ name: `truncate(${start})`, model: (model) => model.truncate(start), log: (log) => log.truncate(start) })),
  fc
    .tuple(
      fc.oneof(anyId, fc.constantFrom('start' as const, 'snapshot' as const)),
      fc.oneof(anyId, fc.constant('end' as const)),
      knownSnapshot,
    )
    .map(([start, end, known]) => ({
      name: `query(${start}, ${end}, ${known})`,
      model: (model) => model.query(start, end, known),
      log: (log) => log.query(start, end, known),
    })),
];

async function endOf(log: EventLog<TestEntry>): Promise<bigint> {
  const error = await log.addEntries([], -1n).catch((caught) => caught);
  return error.nextSequenceId;
}

async function outcomeOf(call: Promise<Outcome>): Promise<Outcome> {
  try {
    return await call;
  } catch (error) {
    const { code, nextSequenceId, startSequenceId, endSequenceId } = error as Record<string, unknown>;
    return code === 'conflict' ? { error: code, nextSequenceId } : { error: code, startSequenceId, endSequenceId };
  }
}

export function describeModel({ createLog }: ContractContext): void {
  describe('the model', () => {
    it('gives the same answers for any sequence of calls', async () => {
      await fc.assert(
        fc.asyncProperty(fc.array(fc.oneof(...steps), { minLength: 1, maxLength: 30 }), async (calls) => {
          const log = await createLog({ pageSize: PAGE_SIZE, snapshotEvery: SNAPSHOT_EVERY });
          const model = new ModelLog();
          const done: string[] = [];
          for (const step of calls) {
            done.push(step.name);
            expect(await outcomeOf(step.log(log)), done.join('; ')).toEqual(step.model(model));
          }
          for (let start: bigint | 'start' = 'start', complete = false; !complete; ) {
            const page = await log.query(start, 'end', -1n);
            expect(page, done.join('; ')).toEqual(model.query(start, 'end', -1n));
            start = page.endSequenceId;
            complete = page.isComplete;
          }
        }),
        { numRuns: RUNS },
      );
    });
  });
}
