/** Runs a task for each item, `width` side by side. */
export async function inLanes<ItemT>(items: Iterable<ItemT>, width: number, task: (item: ItemT) => Promise<void>): Promise<void> {
  const queue = items[Symbol.iterator]();
  const lane = async () => {
    for (let next = queue.next(); !next.done; next = queue.next()) {
      await task(next.value);
    }
  };
  await Promise.all(Array.from({ length: width }, lane));
}
