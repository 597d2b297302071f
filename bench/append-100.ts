/** Entries appended a hundred at a time, against INSERTs of the same rows into the same table. */
import type { Environment } from './support/environment.ts';
import { measureAppend } from './support/measure-append.ts';

export default (environment: Environment) => measureAppend(environment, { name: 'append-100', entriesPerCall: 100, calls: 25 });
