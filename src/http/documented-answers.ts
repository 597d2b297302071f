/**
 * What a route may answer, as its documentation says it: all that a client can get, and nothing that it cannot. A route names its own answers;
 * which of the usual ones it has follows from what it takes and who may ask.
 */
import type { FastifySchema } from 'fastify';
import type { Access } from './access.ts';
import { problems, USUAL_PROBLEMS } from './problem.ts';

type Answers = Record<string, unknown>;

export function documentedAnswers(schema: FastifySchema, access: Access | undefined): Answers {
  const { params, querystring, headers, body } = schema;
  const answers: Answers = { ...(schema.response as Answers | undefined) };
  const leaveOut = (...statuses: (keyof typeof USUAL_PROBLEMS)[]) => {
    for (const status of statuses) {
      // One that the route names itself is another object.
      if (answers[status] === USUAL_PROBLEMS[status]) delete answers[status];
    }
  };
  const own = problems(408, 413, 414, 415, 431);
  answers[431] ??= own[431];
  if ((params ?? querystring ?? headers ?? body) === undefined) leaveOut('400');
  if (access === 'public') leaveOut('401', '403', '429');
  if (params !== undefined) answers[414] ??= own[414];
  if (body !== undefined) {
    // Too slow, too large, of another type.
    for (const status of [408, 413, 415]) answers[status] ??= own[status];
  }
  return answers;
}
