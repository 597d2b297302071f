/** The kinds of sources that there are: Tidemark's own, and those that an application defines. */
import type { z } from 'zod';
import { describeIssues } from '../describe-issues.ts';
import { InvalidInputError } from '../errors.ts';
import { type AnySource, defineSource } from './define-source.ts';
import { csvSource } from './sources/csv.ts';
import { postgresSource } from './sources/postgres.ts';
import { restSource } from './sources/rest.ts';
import type { WorkbookSource } from './workbook.ts';

export interface Sources {
  readonly kinds: readonly string[];
  /** @returns what reads it, and its options as they are read. @throws InvalidInputError naming the table, and where its source is wrong */
  check(tableId: string, source: WorkbookSource): { source: AnySource; options: unknown };
}

/** @param own in place of Tidemark's of the same kind. @throws InvalidInputError */
export function createSources(own: readonly AnySource[] = []): Sources {
  const byKind = new Map<string, AnySource>([restSource, csvSource, postgresSource].map((source) => [source.kind, source]));
  const ownKinds = new Set<string>();
  for (const source of own) {
    if (ownKinds.has(defineSource(source).kind)) {
      throw new InvalidInputError(`The source '${source.kind}' is defined twice. Give one of them another kind.`);
    }
    ownKinds.add(source.kind);
    byKind.set(source.kind, source);
  }
  return {
    kinds: [...byKind.keys()],
    check(tableId, { kind, ...given }) {
      const source = byKind.get(kind);
      if (source === undefined) {
        throw new InvalidInputError(
          `The source of table '${tableId}' is of kind '${String(kind).slice(0, 40)}', which is unknown. Use ${[...byKind.keys()].join(', ')}.`,
        );
      }
      const parsed = (source.options as z.ZodType).safeParse(given);
      if (!parsed.success) {
        throw new InvalidInputError(`The source of table '${tableId}' cannot be used: ${describeIssues(parsed.error)}.`);
      }
      return { source, options: parsed.data };
    },
  };
}
