import { expect, test } from 'vitest';
import { jobKeyOf, parseJobId, workIdOf } from '../../src/jobs/job-id.ts';

test.each(['7', 'orders/7', '100%', 'für ☕', "!~*'()"])('the id %j of a job comes back from its unit', (id) => {
  expect(jobKeyOf(workIdOf(parseJobId(`report:${id}`)))).toEqual({ name: 'report', id });
});

test.each(['100%', '%FF', 'orders/7'])('a unit whose id nobody has encoded (%j) has it as it stands, and breaks no list', (id) => {
  expect(jobKeyOf(`job/report/${id}`)).toEqual({ name: 'report', id });
});
