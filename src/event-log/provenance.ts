/** Who, and why: kept with every entry, and with the work that it asks for. */
export interface Provenance {
  /** Who did it, as the application names them. */
  actor?: string | undefined;
  /** What all entries and units of one business process share. */
  correlationId?: string | undefined;
  /** The message, command or entry that led to this one. */
  causationId?: string | undefined;
}

/** The first that says so, field by field. */
export function mergeProvenance(...sources: readonly Provenance[]): Provenance {
  const first = (field: keyof Provenance) => sources.find((source) => source[field] !== undefined)?.[field];
  return { actor: first('actor'), correlationId: first('correlationId'), causationId: first('causationId') };
}
