/**
 * The database as an application's own library brings it: for `createTidemark({ db })` and for `tidemark.in(tx)`.
 *
 * Each adapter is a few lines over documented calls of its library, which it does not import. What Tidemark is promised of all of them is what pg does:
 * values arrive as they were given, `timestamptz` comes back as a Date and `bigint` as text, and an error has its SQLSTATE as `code`.
 */
export { fromDrizzle } from './adapters/drizzle.ts';
export { fromKnex } from './adapters/knex.ts';
export { fromKysely } from './adapters/kysely.ts';
export { fromPrisma } from './adapters/prisma.ts';
export { fromTypeorm } from './adapters/typeorm.ts';
