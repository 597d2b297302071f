/**
 * Errors as clients get them: problem+json (RFC 9457) with a stable `code`. What is not one of ours is a 500 whose message stays in the
 * server's log.
 */
import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify';
import { hasZodFastifySchemaValidationErrors } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { ConflictError, errorMessage, SequenceRangeError, TidemarkError } from '../errors.ts';
import { classifyError } from '../work/classify-error.ts';

export const PROBLEM_TYPE = 'application/problem+json';

export const Problem = z
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
  not_found: [404, 'Not found'],
  log_not_found: [404, 'No such log'],
  blob_not_found: [404, 'No such blob'],
  snapshot_not_found: [404, 'No such snapshot'],
  work_not_found: [404, 'No such unit'],
  method_not_allowed: [405, 'Method not allowed'],
  not_acceptable: [406, 'Not acceptable'],
  request_timeout: [408, 'Request too slow'],
  conflict: [409, 'Conflict'],
  import_running: [409, 'Import running'],
  log_exists: [409, 'Log of another type'],
  history_gone: [410, 'History is gone'],
  too_large: [413, 'Too large'],
  unsupported_media_type: [415, 'Unsupported media type'],
  sequence_range: [416, 'Outside the log'],
  range_not_satisfiable: [416, 'Range not satisfiable'],
  unknown_workflow: [422, 'Unknown workflow'],
  idempotency_key_reused: [422, 'Idempotency key used for something else'],
  too_many_requests: [429, 'Too many requests'],
  unavailable: [503, 'Unavailable'],
};

/** Of errors that the framework itself throws. */
const FRAMEWORK: Record<string, string> = {
  FST_ERR_CTP_BODY_TOO_LARGE: 'too_large',
  FST_ERR_CTP_INVALID_MEDIA_TYPE: 'unsupported_media_type',
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: 'invalid_input',
  FST_ERR_CTP_EMPTY_JSON_BODY: 'invalid_input',
  FST_ERR_CTP_INVALID_JSON_BODY: 'invalid_input',
  FST_ERR_BAD_URL: 'invalid_input',
  FST_ERR_NOT_FOUND: 'not_found',
};

export interface ProblemBody extends z.infer<typeof Problem> {}

export function problemOf(error: unknown): ProblemBody {
  const code = codeOf(error);
  const [status, title] = STATUS[code] ?? [500, 'Unexpected error'];
  const isOurs = status !== 500;
  return {
    type: `urn:tidemark:problem:${isOurs ? code : 'unexpected'}`,
    title,
    status,
    code: isOurs ? code : 'unexpected',
    detail: isOurs ? detailOf(error) : 'Something failed that should not: the server has logged what. Try again, or ask whoever runs it.',
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
  if (FRAMEWORK[code] === undefined && classifyError(error) === 'infrastructure') {
    return 'unavailable';
  }
  return FRAMEWORK[code] ?? (statusCode === 400 ? 'invalid_input' : statusCode === 429 ? 'too_many_requests' : 'unexpected');
}

function detailOf(error: unknown): string {
  if (hasZodFastifySchemaValidationErrors(error)) {
    const [first] = error.validation;
    const place = [error.validationContext, ...(first?.instancePath ?? '').split('/').filter(Boolean)].join('.');
    return `${place}: ${first?.message ?? 'is not what it should be'}. See /openapi.json.`;
  }
  return error instanceof TidemarkError || codeOf(error) !== 'unavailable'
    ? errorMessage(error)
    : 'The database, or what the blobs are in, does not answer. Try again in a moment.';
}

export function sendProblem(error: unknown, request: FastifyRequest, reply: FastifyReply): FastifyReply {
  const problem = problemOf(error);
  if (problem.status === 500) {
    request.log.error({ err: error }, 'unexpected error');
  }
  if (problem.status === 401) {
    reply.header('www-authenticate', 'Bearer');
  }
  if (problem.status === 503 || problem.status === 413) {
    reply.header('retry-after', problem.status === 503 ? '1' : '0');
  }
  return reply.code(problem.status).type(PROBLEM_TYPE).serializer(JSON.stringify).send(problem);
}

/** Schemas of answers that a route may give beside its own, for its documentation. */
export function problems(...statuses: number[]) {
  const own = [...new Set([400, 401, 403, 429, 500, 503, ...statuses])];
  return Object.fromEntries(
    own.map((status) => [status, { description: titleOf(status), content: { [PROBLEM_TYPE]: { schema: Problem } } }]),
  );
}

function titleOf(status: number): string {
  return Object.values(STATUS).find(([is]) => is === status)?.[1] ?? 'Unexpected error';
}
