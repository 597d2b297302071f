/** What one check of `tidemark doctor` found. */
export interface Finding {
  check: string;
  /** 'wrong' makes the command fail; 'warning' works, with a drawback. */
  state: 'ok' | 'warning' | 'wrong';
  found: string;
  /** What to do; absent where all is well. */
  fix?: string;
}
