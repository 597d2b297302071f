/** What the client asks for again where an answer was lost: what is then as once, and nothing else. */
import { expect, onTestFinished, test } from 'vitest';
import { connect, type TidemarkClient, UnavailableError } from '../../src/client.ts';

/** The server does what it is asked for, and its answers are lost. @returns how many requests it got */
async function requestsOf(ask: (jobs: TidemarkClient['jobs']) => Promise<unknown>): Promise<number> {
  let requests = 0;
  const client = connect({
    url: 'http://tidemark.test',
    fetch: async () => {
      requests += 1;
      return new Response('<h1>504</h1>', { status: 504 });
    },
  });
  onTestFinished(() => client.close());
  await expect(ask(client.jobs)).rejects.toBeInstanceOf(UnavailableError);
  return requests;
}

test('a job that has a name of its own for good is enqueued again: it is the same one', async () => {
  expect(await requestsOf((jobs) => jobs.enqueue('send', {}))).toBe(3);
  expect(await requestsOf((jobs) => jobs.enqueue('send', {}, { id: '7' }))).toBe(3);
});

test.each(['ignore', 'replace', 'debounce'] as const)(
  'one that is the same as another only for a while (%s) is not: it could be done twice',
  async (mode) => {
    expect(await requestsOf((jobs) => jobs.enqueue('send', {}, { dedupe: { key: 'k', mode } }))).toBe(1);
  },
);

test.each(['cancel', 'redrive', 'runNow'] as const)(
  'a decision (%s) is made once: again, it would say that nothing has changed',
  async (verb) => {
    expect(await requestsOf((jobs) => jobs[verb]('send:7'))).toBe(1);
  },
);
