/** One attempt is over, and recorded as such. */
export interface AttemptEnd {
  group: string;
  /** Of the unit; absent where many ended together. */
  workId?: string;
  /** 'failed': another attempt follows. */
  outcome: 'done' | 'dead' | 'failed';
  /** How long the attempt took; 0 where it never began. */
  durationMs: number;
}

/** Told of each end, at once: must neither throw nor wait. */
export type ObserveEnd = (end: AttemptEnd) => void;
