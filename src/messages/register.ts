/** Where an application says once which topics it has, so that workers and publishing are typed from there on. */
import type { DataOf, PayloadOf, Topics } from './topic.ts';

/**
 * @example
 * declare module 'tidemark' {
 *   interface Register { topics: typeof topics }
 * }
 */
// biome-ignore lint/suspicious/noEmptyInterface: for applications to add to
export interface Register {}

/** The topics that were registered; any, where none were. */
export type RegisteredTopics = Register extends { topics: infer TopicsT extends Topics } ? TopicsT : Topics;

export type TopicName = keyof RegisteredTopics & string;
/** What is published to a registered topic. */
export type PublishedData<NameT extends TopicName> = PayloadOf<RegisteredTopics[NameT]>;
/** What a worker of a registered topic gets. */
export type DeliveredData<NameT extends TopicName> = DataOf<RegisteredTopics[NameT]>;
