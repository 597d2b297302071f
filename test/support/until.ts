import { setTimeout as delay } from 'node:timers/promises';

/** Looks until a condition holds, and fails with its name after the deadline. @returns what the condition answered */
export async function until<T>(name: string, condition: () => T | Promise<T>, deadlineMs = 10_000): Promise<NonNullable<T>> {
  const deadline = performance.now() + deadlineMs;
  for (;;) {
    const value = await condition();
    if (value) {
      return value as NonNullable<T>;
    }
    if (performance.now() > deadline) {
      throw new Error(`Not within ${deadlineMs} ms: ${name}`);
    }
    await delay(10);
  }
}
