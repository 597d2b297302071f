/** Units of work as REST shows them. */
import { z } from 'zod';
import { executionUrl } from '../execution-url.ts';
import type { ListedMessage } from '../messages/list-messages.ts';
import type { ListedUnit } from '../work/listed-unit.ts';
import type { UnitDetails } from '../work/read-unit.ts';
import { SHOWN_STATES, type ShownState } from '../work/select.ts';
import type { HttpContext } from './http-context.ts';
import { LogId, SequenceIdText, Timestamp } from './schemas.ts';

const NAMES = Object.keys(SHOWN_STATES) as [ShownState, ...ShownState[]];

export const WorkState = z.enum(NAMES).meta({ id: 'WorkState', description: 'waiting and running stand for two states each of the table' });

export const WorkId = z.string().min(1).max(500).describe('Id of a unit, such as `snapshot/flights/299`; in a path percent-encoded');

const Fingerprint = z
  .string()
  .regex(/^[0-9a-f]{12}$/, 'use a fingerprint as GET /work/errors gives it')
  .describe('The same for errors of one code whose messages differ only in numbers, ids, hashes, paths and quoted text');

const UnitError = z.object({ code: z.string(), message: z.string() });

export const Unit = z
  .object({
    id: WorkId,
    workflow: z.string(),
    state: WorkState,
    group: z.string().describe('What caps, fairness, retention and figures are per; of work of a log: its type'),
    entry: z.object({ logId: LogId, sequenceId: SequenceIdText }).optional().describe('The log entry that asked for it'),
    orderingKey: z.string().optional().describe('Units of one key run one after another'),
    attempt: z.int().describe('Attempts begun in this epoch'),
    execution: z.string().optional().describe('Workflow id in Temporal: of its own, or of its burst; absent before its first claim'),
    uiUrl: z.string().optional().describe("Where Temporal's web UI shows the execution"),
    error: UnitError.optional().describe('Of the last attempt that failed'),
    fingerprint: Fingerprint.optional().describe('While dead, of its error'),
    progress: z.unknown().optional(),
    actor: z.string().optional(),
    correlationId: z.string().optional(),
    causationId: z.string().optional(),
    createdAt: Timestamp,
    begunAt: Timestamp.optional().describe('When its last attempt began'),
    finishedAt: Timestamp.optional().describe('When it was done, gave up, was cancelled, or expired'),
  })
  .meta({ id: 'Unit', description: 'One thing to be done' });

const UnitMessage = z
  .object({ messageId: z.string(), topic: z.string(), publishedAt: Timestamp, causationId: z.string().optional() })
  .meta({ id: 'UnitMessage', description: 'Of a delivery: what it delivers. Its data is in GET /dead-letters/{workId}' });

export const UnitWithDetails = Unit.extend({
  error: UnitError.extend({ stack: z.string().optional() }).optional(),
  epoch: z.string().describe('Which life of the unit this is: a redrive, or a run that is gone, begins a new one'),
  failures: z.int().describe("Attempts of this epoch that ended in an error of the handler's own"),
  priority: z.int().describe('Lower first'),
  notBefore: Timestamp.describe('Not claimed before'),
  expiresAt: Timestamp.optional(),
  burstId: z.string().optional().describe('The burst that it is part of'),
  input: z.unknown().optional(),
  result: z.unknown().optional(),
  message: UnitMessage.optional(),
}).meta({ id: 'UnitDetails', description: 'One unit with all there is to know' });

export const GroupStats = z
  .object({
    group: z.string(),
    depth: z.object(Object.fromEntries(NAMES.map((name) => [name, z.int()])) as Record<ShownState, z.ZodInt>),
    scheduled: z.int().describe('Of those waiting, the ones whose time has not come'),
    oldestWaitingMs: z.number().optional().describe('Since the oldest waiting unit could have run'),
    oldestRunningMs: z.number().optional().describe('Since the oldest running unit last began'),
    lastSignMs: z
      .number()
      .optional()
      .describe('Since any of the running units last began or got further: where it grows, no worker is there'),
    paused: z.boolean(),
  })
  .meta({ id: 'GroupStats' });

export const ThroughputBucket = z
  .object({
    at: Timestamp.describe('Its beginning'),
    group: z.string(),
    done: z.int(),
    dead: z.int(),
    p50Ms: z.number().optional().describe('Of done units, from being asked for to the end, within a tenth'),
    p95Ms: z.number().optional(),
  })
  .meta({ id: 'ThroughputBucket' });

export const DeadGroup = z
  .object({
    fingerprint: Fingerprint,
    code: z.string(),
    message: z.string().describe('Of the newest of them'),
    units: z.int(),
    groups: z.array(z.string()),
    oldestAt: Timestamp,
    newestAt: Timestamp,
  })
  .meta({ id: 'DeadGroup', description: 'Dead units whose errors are the same but for what they name' });

/** Which units a listing means, or a decision about dead ones. */
export const Selection = {
  group: z.string().max(100).optional().describe('Of this log type, subscription or job only'),
  workflow: z.string().max(100).optional(),
  log: LogId.optional().describe('Asked for by an entry of this log'),
  error: z
    .string()
    .min(1)
    .max(500)
    .optional()
    .describe("Part of the error's code or message, whatever the case; units that are done have none"),
  fingerprint: Fingerprint.optional(),
  olderThanMs: z.coerce.number().min(0).max(1e13).optional().describe('That ended, or else were added, at least so long ago'),
};

type Links = Pick<HttpContext, 'uiUrl' | 'namespace'>;

/** Without its result, which may be large. */
export function unitBody({ result: _, createdAt, begunAt, finishedAt, ...unit }: ListedUnit, links: Links): z.input<typeof Unit> {
  return {
    ...unit,
    ...linkOf(unit, links),
    createdAt: createdAt.toISOString(),
    ...(begunAt ? { begunAt: begunAt.toISOString() } : {}),
    ...(finishedAt ? { finishedAt: finishedAt.toISOString() } : {}),
  };
}

export function unitDetailsBody(unit: UnitDetails, links: Links, message?: ListedMessage): z.input<typeof UnitWithDetails> {
  const { epoch, failures, priority, notBefore, expiresAt, burstId, input, result, error, ...listed } = unit;
  return {
    ...unitBody(listed, links),
    ...(error ? { error } : {}),
    epoch,
    failures,
    priority,
    notBefore: notBefore.toISOString(),
    ...(expiresAt ? { expiresAt: expiresAt.toISOString() } : {}),
    ...(burstId === undefined ? {} : { burstId }),
    ...(input === undefined ? {} : { input }),
    ...(result === undefined ? {} : { result }),
    ...(message ? { message: unitMessageBody(message) } : {}),
  };
}

function unitMessageBody({ messageId, topic, publishedAt, causationId }: ListedMessage): z.input<typeof UnitMessage> {
  return { messageId, topic, publishedAt: publishedAt.toISOString(), ...(causationId === undefined ? {} : { causationId }) };
}

function linkOf({ execution }: Pick<ListedUnit, 'execution'>, { uiUrl, namespace = 'default' }: Links): { uiUrl?: string } {
  return uiUrl === undefined || execution === undefined ? {} : { uiUrl: executionUrl(uiUrl, namespace, execution) };
}
