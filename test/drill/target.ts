/** Something that the drill kills and starts again. */
export const KINDS = ['worker', 'starter', 'cdc', 'temporal', 'postgres'] as const;
export type Kind = (typeof KINDS)[number];

export interface Target {
  readonly kind: Kind;
  /** Resolves when it works; rejects when it does not within two minutes. */
  untilUp(): Promise<void>;
  /** SIGKILL; done when nothing of it runs any more. It is started again by `start` alone. */
  kill(): Promise<void>;
  /** Done when it is on its way; see `untilUp`. */
  start(): Promise<void>;
}

export const UP_DEADLINE_MS = 120_000;
