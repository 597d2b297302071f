/** Anything that runs a statement: a pg client or pool, or an adapter of a few lines over another driver. */
export interface Queryable {
  // biome-ignore lint/suspicious/noExplicitAny: rows are typed by each caller
  query(text: string, values?: unknown[]): Promise<{ rows: any[] }>;
}
