/** Who is told of units that became dead. */
export interface OnDead {
  url: string;
  /** Signs what is told; never written anywhere. */
  secret?: string | undefined;
  /** Where a person looks at an execution. */
  executionUrl?: ((execution: string) => string) | undefined;
}
