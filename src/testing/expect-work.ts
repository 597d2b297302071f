/** What became of work, as an assertion: its failure says what is there instead, with the error of what failed. */
import { AssertionError } from 'node:assert';
import { setTimeout as delay } from 'node:timers/promises';
import { inSchema } from '../postgres/queryable.ts';
import type { Tidemark } from '../tidemark.ts';
import type { WorkState } from '../work/unit.ts';
import type { MemoryTidemark } from './memory-tidemark.ts';
import { readWork } from './read-work.ts';
import { compareIds, describeUnits, matchesFilter, type WorkFilter, type WorkView } from './work-view.ts';

export interface ExpectedWork extends WorkFilter {
  /** Of all that match; absent: any. */
  state?: WorkState;
  /** How many match; absent: at least one. 0: none. */
  count?: number;
  /** Looks again for this long before it fails: for workers that are running. Default 0. */
  withinMs?: number;
}

const LOOK_AGAIN_MS = 20;

/**
 * @example const [unit] = await expectWork(tidemark, { log: 'o1', workflow: 'send-invoice', state: 'done' });
 * @returns the units that match, by id
 * @throws AssertionError
 */
export async function expectWork(app: Tidemark | MemoryTidemark, expected: ExpectedWork): Promise<WorkView[]> {
  const { state, count, withinMs = 0, ...filter } = expected;
  const deadline = performance.now() + withinMs;
  for (;;) {
    const found = await listWork(app, filter);
    const problem = findProblem(found, state, count);
    if (problem === undefined) {
      return found;
    }
    if (performance.now() >= deadline) {
      const there = found.length > 0 ? found : await listWork(app, {});
      throw new AssertionError({
        message: `Expected ${describeExpected(expected)}, but ${problem}.${describeThere(there, found.length > 0)}`,
        stackStartFn: expectWork,
      });
    }
    await delay(LOOK_AGAIN_MS);
  }
}

async function listWork(app: Tidemark | MemoryTidemark, filter: WorkFilter): Promise<WorkView[]> {
  if ('memoryWork' in app) {
    const units = await app.memoryWork.list();
    return units.filter((unit) => matchesFilter(unit, filter)).sort((a, b) => compareIds(a.id, b.id));
  }
  return readWork(inSchema(app.db, app.schema), filter);
}

function findProblem(found: readonly WorkView[], state: WorkState | undefined, count: number | undefined): string | undefined {
  if (count === undefined ? found.length === 0 : found.length !== count) {
    return found.length === 0 ? 'there is none' : `there ${found.length === 1 ? 'is 1' : `are ${found.length}`}`;
  }
  const others = found.filter((unit) => state !== undefined && unit.state !== state);
  return others.length === 0 ? undefined : `${others.length} of ${found.length} ${others.length === 1 ? 'is' : 'are'} not`;
}

function describeExpected({ id, log, sequenceId, workflow, group, state, count, withinMs }: ExpectedWork): string {
  const parts = [
    id === undefined ? '' : ` '${id}'`,
    workflow === undefined ? '' : ` '${workflow}'`,
    log === undefined ? '' : ` of log '${log}'`,
    sequenceId === undefined ? '' : ` on entry ${sequenceId}`,
    group === undefined ? '' : ` in group '${group}'`,
    state === undefined ? '' : ` to be ${state}`,
    withinMs === undefined ? '' : ` within ${withinMs} ms`,
  ];
  return `${count === undefined ? '' : `${count} `}work${parts.join('')}`;
}

function describeThere(units: readonly WorkView[], matching: boolean): string {
  if (units.length === 0) {
    return ' There is no work at all: was its transaction committed, with `pending`?';
  }
  return ` ${matching ? 'What matches' : 'What there is'}:\n${describeUnits(units)}`;
}
