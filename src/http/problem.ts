/**
 * Errors as clients get them: problem+json (RFC 9457) with a stable `code`. What is not one of ours is a 500 whose message stays in the
 * server's log.
 */
import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify';
import { hasZodFastifySchemaValidationErrors } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { ConflictError, errorMessage, SequenceRangeError, TidemarkError } from '../errors.ts';
import { classifyError } from '../work/classify-error.ts';
import { lingerAfter } from './linger.ts';
import { TooManyRequestsError } from './refusals.ts';

export const PROBLEM_TYPE = 'application/problem+json';

const Problem = z
  .object({
    type: z.string().describe('urn:tidemark:problem:<code>'),
    title: z.string(),
    status: z.int(),
    code: z.string().describe('Stable; what programs match on'),
    detail: z.string().describe('For people; may change'),
    nextSequenceId: z.string().optional().describe('Of a conflict: where to append instead'),
    startSequenceId: z.string().optional().describe('Of a sequence id outside the log: the first that it holds'),
    endSequenceId: z.string().optional().describe('Of a sequence id outside the log: the next one'),
  })
  .meta({ id: 'Problem', description: 'What went wrong (RFC 9457)' });

/** Each error, once. */
const STATUS: Record<string, [status: number, title: string]> = {
  invalid_input: [400, 'Invalid input'],
  invalid_blob_name: [400, 'Invalid blob name'],
  no_continuation: [400, 'Invalid continuation'],
  unauthenticated: [401, 'Not authenticated'],
  forbidden: [403, 'Not allowed'],
  not_exposed: [403, 'Not offered over REST'],
  read_only: [403, 'Read-only server'],
  cross_origin: [403, 'From somewhere else'],
  not_found: [404, 'Not found'],
  log_not_found: [404, 'No such log'],
  blob_not_found: [404, 'No such blob'],
  snapshot_not_found: [404, 'No such snapshot'],
  work_not_found: [404, 'No such unit'],
  topic_not_found: [404, 'No such topic'],
  subscription_not_found: [404, 'No such subscription'],
  job_not_found: [404, 'No such job'],
  unknown_job: [404, 'No job of that name'],
  schedule_not_found: [404, 'No such schedule'],
  workbook_not_found: [404, 'No such workbook'],
  method_not_allowed: [405, 'Method not allowed'],
  not_acceptable: [406, 'Not acceptable'],
  request_timeout: [408, 'Request too slow'],
  conflict: [409, 'Conflict'],
  import_running: [409, 'Import running'],
  blob_wrong_kind: [409, 'A directory, not a blob, or the reverse'],
  workbook_exists: [409, 'Workbook exists'],
  log_exists: [409, 'Log of another type'],
  history_gone: [410, 'History is gone'],
  too_large: [413, 'Too large'],
  uri_too_long: [414, 'Path too long'],
  unsupported_media_type: [415, 'Unsupported media type'],
  sequence_range: [416, 'Outside the log'],
  range_not_satisfiable: [416, 'Range not satisfiable'],
  unknown_workflow: [422, 'Unknown workflow'],
  idempotency_key_reused: [422, 'Idempotency key used for something else'],
  too_many_requests: [429, 'Too many requests'],
  queue_full: [429, 'Queue is full'],
  header_too_large: [431, 'Path or headers too large'],
  corrupt_blob: [500, 'Corrupt blob'],
  unavailable: [503, 'Unavailable'],
  enqueue_unavailable: [503, 'Cannot be enqueued now'],
};

/** Of errors that the framework itself throws. */
const FRAMEWORK: Record<string, string> = {
  FST_ERR_CTP_BODY_TOO_LARGE: 'too_large',
  FST_ERR_CTP_INVALID_MEDIA_TYPE: 'unsupported_media_type',
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: 'invalid_input',
  FST_ERR_CTP_EMPTY_JSON_BODY: 'invalid_input',
  FST_ERR_CTP_INVALID_JSON_BODY: 'invalid_input',
  FST_ERR_BAD_URL: 'invalid_input',
  FST_ERR_MAX_PARAM_LENGTH: 'uri_too_long',
  FST_ERR_NOT_FOUND: 'not_found',
};

/** Of those of its plugins: a file that must not be looked at is not there. */
const BY_STATUS: Record<number, string> = { 400: 'invalid_input', 403: 'not_found', 404: 'not_found', 429: 'too_many_requests' };

/** Some repeat what they refuse. */
const MOST_DETAIL = 1_000;

/** What Postgres says of a NUL character in a text, or in JSON. */
const NUL_SQLSTATE = new Set(['22021', '22P05']);

export interface ProblemBody extends z.infer<typeof Problem> {}

function problemOf(error: unknown): ProblemBody {
  const code = codeOf(error);
  const known = STATUS[code];
  const [status, title] = known ?? [500, 'Unexpected error'];
  const isOurs = known !== undefined;
  return {
    type: `urn:tidemark:problem:${isOurs ? code : 'unexpected'}`,
    title,
    status,
    code: isOurs ? code : 'unexpected',
    detail: isOurs
      ? detailOf(error).slice(0, MOST_DETAIL)
      : 'Something failed that should not: the server has logged what. Try again, or ask whoever runs it.',
    ...(error instanceof ConflictError ? { nextSequenceId: String(error.nextSequenceId) } : {}),
    ...(error instanceof SequenceRangeError
      ? { startSequenceId: String(error.startSequenceId), endSequenceId: String(error.endSequenceId) }
      : {}),
  };
}

function codeOf(error: unknown): string {
  if (error instanceof TidemarkError) {
    return error.code;
  }
  if (hasZodFastifySchemaValidationErrors(error)) {
    return 'invalid_input';
  }
  const { code = '', statusCode } = error as Partial<FastifyError>;
  if (NUL_SQLSTATE.has(code)) {
    return 'invalid_input';
  }
  if (FRAMEWORK[code] === undefined && classifyError(error) === 'infrastructure') {
    return 'unavailable';
  }
  return FRAMEWORK[code] ?? BY_STATUS[statusCode ?? 500] ?? 'unexpected';
}

function detailOf(error: unknown): string {
  if (hasZodFastifySchemaValidationErrors(error)) {
    const [first] = error.validation;
    const place = [error.validationContext, ...(first?.instancePath ?? '').split('/').filter(Boolean)].join('.');
    return `${place}: ${first?.message ?? 'is not what it should be'}. See /openapi.json.`;
  }
  if (NUL_SQLSTATE.has((error as Partial<FastifyError>).code ?? '')) {
    return 'A text holds a NUL character, which the database cannot take. Leave it out.';
  }
  return error instanceof TidemarkError || codeOf(error) !== 'unavailable'
    ? errorMessage(error)
    : 'The database, or what the blobs are in, does not answer. Try again in a moment.';
}

export function sendProblem(error: unknown, request: FastifyRequest, reply: FastifyReply): FastifyReply {
  const problem = problemOf(error);
  if (problem.code === 'too_large' && !(error instanceof TidemarkError)) {
    problem.detail = `The body of this request may have at most ${request.routeOptions.bodyLimit} bytes: send it in several.`;
  }
  if (problem.status === 500) {
    request.log.error({ err: error }, 'unexpected error');
  }
  if (problem.status === 401) {
    reply.header('www-authenticate', 'Bearer');
  }
  const retryAfter =
    error instanceof TooManyRequestsError ? Math.ceil(error.retryAfterMs / 1_000) : { 503: 1, 429: 1, 413: 0 }[problem.status];
  if (retryAfter !== undefined && !reply.hasHeader('retry-after')) {
    reply.header('retry-after', String(retryAfter));
  }
  if (problem.status === 413) {
    // The framework closes the connection on a body that still comes: its sender would never read why.
    reply.removeHeader('connection');
    lingerAfter(request, reply);
  }
  return reply.code(problem.status).type(PROBLEM_TYPE).serializer(JSON.stringify).send(problem);
}

/** What any route may answer, but for those that documented-answers.ts takes away again. */
export const USUAL_PROBLEMS = describe(400, 401, 403, 429, 500, 503);

/** Schemas of answers that a route may give beside its own, for its documentation: the usual ones and these. */
export function problems(...statuses: number[]) {
  return { ...USUAL_PROBLEMS, ...describe(...statuses) };
}

function describe(...statuses: number[]) {
  return Object.fromEntries(
    statuses.map((status) => [status, { description: titleOf(status), content: { [PROBLEM_TYPE]: { schema: Problem } } }]),
  );
}

function titleOf(status: number): string {
  return Object.values(STATUS).find(([is]) => is === status)?.[1] ?? 'Unexpected error';
}
