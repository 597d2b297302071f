/**
 * For an application's own tests: carry out its work until nothing is left, and say what became of it.
 *
 * On Postgres without Temporal, on Postgres with running workers, or in memory alone. Nothing here loads Temporal.
 */
export { type ExpectedWork, expectWork } from './testing/expect-work.ts';
export { createMemoryTidemark, type MemoryTidemark, type MemoryTidemarkOptions } from './testing/memory-tidemark.ts';
export { type RunUntilIdleOptions, runUntilIdle } from './testing/run-until-idle.ts';
export type { WorkView } from './testing/work-view.ts';
