/**
 * The actions of a person that have to load cells first, one after the other: they share the one viewport of the sheet, and what was done first
 * takes effect first.
 */
export interface Turns {
  /** At once where none is under way; otherwise after those that are. */
  take<T>(action: () => T | Promise<T>): Promise<T>;
}

export function createTurns(): Turns {
  let underWay: Promise<void> | undefined;
  return {
    async take(action) {
      while (underWay) {
        await underWay;
      }
      const result = action();
      if (result instanceof Promise) {
        const done = () => {
          underWay = undefined;
        };
        underWay = result.then(done, done);
      }
      return await result;
    },
  };
}
