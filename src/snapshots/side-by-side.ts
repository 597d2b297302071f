/** Runs a task per item, some side by side, in bounded memory. */

export interface SideBySideOptions<ItemT> {
  /** How many tasks at most run at once. */
  width: number;
  /** Estimated memory of one task, and how much all running ones may take; one task always runs, however large. */
  weight?: (item: ItemT) => number;
  maxWeight?: number;
}

/** After the first failure starts nothing more, waits for what runs, then throws it: nothing goes on behind the caller's back. */
export async function runSideBySide<ItemT>(
  items: Iterable<ItemT>,
  { width, weight = () => 0, maxWeight = Number.POSITIVE_INFINITY }: SideBySideOptions<ItemT>,
  task: (item: ItemT) => Promise<void>,
): Promise<void> {
  const running = new Set<Promise<void>>();
  let taken = 0;
  let failure: { error: unknown } | undefined;

  for (const item of items) {
    const itemWeight = weight(item);
    while (!failure && running.size > 0 && (running.size >= width || taken + itemWeight > maxWeight)) {
      await Promise.race(running);
    }
    if (failure) {
      break;
    }
    taken += itemWeight;
    const run: Promise<void> = task(item)
      .catch((error: unknown) => {
        failure ??= { error };
      })
      .finally(() => {
        taken -= itemWeight;
        running.delete(run);
      });
    running.add(run);
  }
  await Promise.all(running);
  if (failure) {
    throw failure.error;
  }
}
