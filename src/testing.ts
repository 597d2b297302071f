/**
 * For an application's own tests: carry out its work until nothing is left, and say what became of it.
 *
 * On Postgres without Temporal, on Postgres with running workers, or in memory alone. Nothing here loads Temporal.
 */
export { type DeliverOptions, type DeliverValue, deliver, expectSuccessfulTypedBackground } from './testing/deliver.ts';
export type { DeliveryFault } from './testing/delivery-faults.ts';
export { expectRegistered } from './testing/expect-registered.ts';
export { type ExpectedWork, expectWork } from './testing/expect-work.ts';
export { type Fixtures, saveFixtures } from './testing/fixtures.ts';
export { createHarness, type ExpectedDelivery, type ExpectedJob, type Harness, type HarnessOptions } from './testing/harness.ts';
export { createMemoryTidemark, type MemoryTidemark, type MemoryTidemarkOptions } from './testing/memory-tidemark.ts';
export { type ResetDatabaseOptions, resetDatabase } from './testing/reset-database.ts';
export { type RunJobOptions, type RunJobValue, runJob } from './testing/run-job.ts';
export { type RunUntilIdleOptions, runUntilIdle } from './testing/run-until-idle.ts';
export type { WorkView } from './testing/work-view.ts';
