/** What is wrong with the definition of a worker, before anything of it runs. An option that nobody reads is wrong: it would be ignored. */
import { checkOptionNames, type OptionNames } from '../check-option-names.ts';
import { InvalidInputError } from '../errors.ts';
import { checkRetry, type RetryPolicy } from '../work/retry-policy.ts';
import type { AnyWorker, BatchOptions, WorkerDefinition } from './define-worker.ts';
import type { Topics } from './topic.ts';

const OPTIONS = {
  ...{
    subscription: true,
    topic: true,
    handler: true,
    parseMessage: true,
    maxMessages: true,
    ackDeadlineMs: true,
    rateLimit: true,
    retry: true,
  },
  ...{ deadLetter: true, enableMessageOrdering: true, onPoison: true, messageTtlMs: true, expirationPolicy: true, batch: true },
} as const satisfies OptionNames<WorkerDefinition<unknown>>;
const OF_DEAD_LETTER = { maxDeliveryAttempts: true, topic: true } as const satisfies OptionNames<
  NonNullable<WorkerDefinition<unknown>['deadLetter']>
>;
const OF_RATE_LIMIT = { messages: true, perMs: true } as const satisfies OptionNames<NonNullable<WorkerDefinition<unknown>['rateLimit']>>;
const OF_EXPIRATION = { ttlMs: true } as const satisfies OptionNames<NonNullable<WorkerDefinition<unknown>['expirationPolicy']>>;
const OF_RETRY = { initialMs: true, maxMs: true, factor: true, jitter: true, when: true } as const satisfies OptionNames<RetryPolicy>;
const OF_BATCH = { max: true, waitMs: true } as const satisfies OptionNames<BatchOptions>;

const SUBSCRIPTION_NAME = /^[a-z0-9][a-z0-9._-]{0,99}$/;
const DAY_MS = 86_400_000;

/** @throws InvalidInputError naming the subscription, the option and its limits */
export function checkWorker(worker: AnyWorker, topics: Topics): void {
  const {
    subscription,
    topic,
    maxMessages,
    ackDeadlineMs,
    rateLimit,
    retry,
    deadLetter = {},
    messageTtlMs,
    expirationPolicy,
    onPoison,
  } = worker;
  if (typeof subscription !== 'string' || !SUBSCRIPTION_NAME.test(subscription)) {
    throw new InvalidInputError(
      `'${String(subscription).slice(0, 120)}' is not a subscription: use 1 to 100 of a-z, 0-9, '.', '_' and '-', beginning with a letter or digit.`,
    );
  }
  // Of a change: what it reads.
  checkOptionNames(`subscription '${subscription}'`, worker, 'changes' in worker ? { ...OPTIONS, changes: true } : OPTIONS);
  const of = (option: string) => `${option} of subscription '${subscription}'`;
  checkOptionNames(of('deadLetter'), deadLetter, OF_DEAD_LETTER);
  for (const name of [topic, ...(deadLetter.topic === undefined ? [] : [deadLetter.topic])]) {
    if (topics[name] === undefined) {
      throw new InvalidInputError(
        `Subscription '${subscription}' is of topic '${name}', which is not defined (${Object.keys(topics).join(', ') || 'there are none'}). Add it to defineTopics.`,
      );
    }
  }
  if (typeof worker.handler !== 'function') {
    throw new InvalidInputError(`Subscription '${subscription}' has no handler. Give it a function of the message.`);
  }
  checkParser(worker, topics);
  const check = (option: string, value: number | undefined, least: number, most: number) => {
    if (value !== undefined && (!Number.isInteger(value) || value < least || value > most)) {
      throw new InvalidInputError(`${option} of subscription '${subscription}' is ${value}: use a whole number from ${least} to ${most}.`);
    }
  };
  check('maxMessages', maxMessages, 1, 10_000);
  check('ackDeadlineMs', ackDeadlineMs, 10, DAY_MS);
  if (rateLimit !== undefined) {
    checkOptionNames(of('rateLimit'), rateLimit, OF_RATE_LIMIT);
    check('rateLimit.messages', rateLimit.messages ?? Number.NaN, 1, 1_000_000);
    check('rateLimit.perMs', rateLimit.perMs ?? Number.NaN, 1, DAY_MS);
  }
  check('deadLetter.maxDeliveryAttempts', deadLetter.maxDeliveryAttempts, 1, 1_000);
  check('messageTtlMs', messageTtlMs, 1, 366 * DAY_MS);
  if (expirationPolicy !== undefined) {
    checkOptionNames(of('expirationPolicy'), expirationPolicy, OF_EXPIRATION);
    check('expirationPolicy.ttlMs', expirationPolicy.ttlMs ?? Number.NaN, 1_000, 3_660 * DAY_MS);
  }
  if (onPoison !== undefined && onPoison !== 'block' && onPoison !== 'skip') {
    throw new InvalidInputError(`onPoison of subscription '${subscription}' is '${onPoison}': use 'block' or 'skip'.`);
  }
  const { enableMessageOrdering } = worker;
  if (enableMessageOrdering !== undefined && typeof enableMessageOrdering !== 'boolean') {
    throw new InvalidInputError(`${of('enableMessageOrdering')} is '${String(enableMessageOrdering)}': use true or false.`);
  }
  if (retry !== undefined) {
    checkOptionNames(of('retry'), retry, OF_RETRY);
    checkRetry(`subscription '${subscription}'`, retry);
  }
  if (worker.batch !== undefined) {
    checkOptionNames(of('batch'), worker.batch, OF_BATCH);
    check('batch.max', worker.batch.max ?? Number.NaN, 1, Math.min(1_000, maxMessages ?? 1_000));
    check('batch.waitMs', worker.batch.waitMs, 0, 3_600_000);
    const other = (enableMessageOrdering as boolean | undefined) ? 'enableMessageOrdering' : rateLimit && 'rateLimit';
    if (other) {
      throw new InvalidInputError(
        `Subscription '${subscription}' has both batch and ${other}, which has messages begin one by one. Use one of them.`,
      );
    }
  }
}

function checkParser({ subscription, topic, parseMessage }: AnyWorker, topics: Topics): void {
  const { needsParser = false } = topics[topic] ?? {};
  if (needsParser && typeof parseMessage !== 'function') {
    throw new InvalidInputError(
      `Subscription '${subscription}' cannot read the binary topic '${topic}'. Give it parseMessage, a function of the bytes.`,
    );
  }
  if (!needsParser && parseMessage !== undefined) {
    throw new InvalidInputError(
      `Subscription '${subscription}' has a parseMessage, but topic '${topic}' reads its messages. Leave it out.`,
    );
  }
}
