/** The database of an attempt, for its handler: its errors are watched, and what is published in it commits with it. */
import { mergeProvenance } from '../event-log/provenance.ts';
import { inSchema, type Queryable } from '../postgres/queryable.ts';
import type { HandlerErrors } from '../work/handler-errors.ts';
import { type Publisher, type PublishInContext, publishMessage } from './publish.ts';
import type { Topics } from './topic.ts';
import { rememberPublisher } from './trigger-typed-event.ts';

export interface PublishingDatabaseOptions {
  /** The attempt's. */
  db: Queryable;
  schema: string;
  topics: Topics;
  errors: HandlerErrors;
  /** What is published has, where it does not say otherwise. */
  provenance?: PublishInContext;
}

export interface PublishingDatabase {
  db: Queryable;
  publish: Publisher['publish'];
}

export function publishingDatabase({ db: own, schema, topics, errors, provenance }: PublishingDatabaseOptions): PublishingDatabase {
  const db: Queryable = { query: (text, values) => errors.watch(own.query(text, values)) };
  const publish: Publisher['publish'] = (topic, payload, options = {}) =>
    publishMessage(inSchema(db, schema), topics, topic, payload, {
      ...provenance,
      ...options,
      ...mergeProvenance(options, provenance ?? {}),
    });
  rememberPublisher(db, publish);
  return { db, publish };
}
