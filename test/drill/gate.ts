/** Open, or closed for a while. */
export interface Gate {
  /** Resolves while it is open. */
  pass(): Promise<void>;
  /** @returns opens it again */
  close(): () => void;
}

export function createGate(): Gate {
  let open: Promise<void> = Promise.resolve();
  return {
    async pass() {
      await open;
    },
    close() {
      let reopen = () => {};
      open = new Promise((resolve) => {
        reopen = resolve;
      });
      return reopen;
    },
  };
}
