/** What sources over HTTP make of what servers answer, and what they tell of secrets. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { InvalidInputError } from '../../src/errors.ts';
import { loadSourceSettings } from '../../src/settings/source-settings.ts';
import { allowedHostProblem, maySendSecret, requireAllowed } from '../../src/workbooks/allowed-hosts.ts';
import { downloadRecordsJob } from '../../src/workbooks/download-records.ts';
import { parseExactJson } from '../../src/workbooks/exact-json.ts';
import { parseRetryAfter } from '../../src/workbooks/retry-after.ts';
import { restSource } from '../../src/workbooks/sources/rest.ts';
import { json, readSource, recordsOf, type SmallServer, startSmallServer } from '../support/sources.ts';

let server: SmallServer;
beforeAll(async () => {
  server = await startSmallServer();
});
beforeEach(() => {
  server.asked.length = 0;
});
afterAll(() => server?.close());

const SECRETS: Record<string, string> = { TIDEMARK_SECRET_ONE: 'very-secret', TIDEMARK_SECRET_LINES: 'first-line\nsecond-line' };
const settings = () => ({
  allowedHosts: [server.host],
  secretHosts: Object.fromEntries(Object.keys(SECRETS).map((name) => [name, [server.host]])),
  variable: (name: string) => SECRETS[name],
});
const rest = (options: Record<string, unknown> = {}, more: { cursor?: unknown; onWait?: (text: string) => Promise<void> } = {}) =>
  readSource(restSource, { url: server.url, ...options }, { settings: settings(), ...more });
async function failureOf(reading: Promise<unknown>): Promise<Error> {
  const error = await reading.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(Error);
  return error as Error;
}

describe('Retry-After', () => {
  const now = Date.parse('Sun, 22 Nov 2026 10:00:00 GMT');
  test.each([
    ['120', 120_000],
    ['0', 0],
    ['Sun, 22 Nov 2026 10:01:00 GMT', 60_000],
    ['Sun, 22 Nov 2026 09:59:00 GMT', 0],
    ['-1', undefined],
    ['1.5', undefined],
    ['10,20', undefined],
    ['soon', undefined],
    ['', undefined],
    [null, undefined],
  ])('%j is %s ms', (text, expected) => {
    expect(parseRetryAfter(text, now)).toBe(expected);
  });

  test('of a server that says 0 each time is waited for longer each time', async () => {
    server.answer = (_, response) => {
      if (server.asked.length <= 5) response.writeHead(429, { 'retry-after': '0' }).end();
      else json(response, [{ n: 1 }]);
    };
    const startedAt = performance.now();
    expect(await recordsOf(rest())).toEqual([{ n: 1 }]);
    expect(performance.now() - startedAt).toBeGreaterThan(600);
  });

  test('with a 403 is a limit; a 403 alone says no', async () => {
    server.answer = (_, response) => {
      if (server.asked.length === 1) response.writeHead(403, { 'retry-after': '0' }).end();
      else json(response, [{ n: 1 }]);
    };
    expect(await recordsOf(rest())).toEqual([{ n: 1 }]);
    server.answer = (_, response) => void response.writeHead(403).end();
    expect((await failureOf(recordsOf(rest()))).message).toContain('answered 403');
    expect(server.asked).toHaveLength(3);
  });
});

describe('JSON', () => {
  test('keeps whole numbers above 2^53 as they were written, and all else as it is', () => {
    const text = String.raw`{"id": 1762345678901234567, "s": "x\\\"1762345678901234567", "f": 0.30000000000000004, "e": 12345678901234567e2,
      "exact": 9007199254740992, "list": [-1762345678901234567, 1], "\\": "1762345678901234567"}`;
    expect(parseExactJson(text)).toEqual({
      id: '1762345678901234567',
      s: 'x\\"1762345678901234567',
      f: 0.30000000000000004,
      e: Number('12345678901234567e2'),
      exact: 9007199254740992,
      list: ['-1762345678901234567', 1],
      '\\': '1762345678901234567',
    });
    expect(() => parseExactJson('{1762345678901234567: 1}')).toThrow(SyntaxError);
  });

  test('of a page may begin with a byte order mark, and a numeric cursor is sent back as it came', async () => {
    server.answer = ({ url = '' }, response) =>
      json(
        response,
        url.includes('cursor=1762345678901234567')
          ? '\uFEFF{"data": [{"id": 2}], "next": null}'
          : '\uFEFF{"data": [{"id": 1762345678901234561}], "next": 1762345678901234567}',
      );
    expect(await recordsOf(rest({ records: 'data', paging: { type: 'cursor' } }))).toEqual([{ id: '1762345678901234561' }, { id: 2 }]);
    expect(server.asked).toEqual(['/', '/?cursor=1762345678901234567']);
  });
});

describe('pages that never end are refused:', () => {
  const ids = (from: number) => Array.from({ length: 3 }, (_, index) => ({ id: from + index }));

  test.each([
    ['offset', { type: 'offset', parameter: 'skip' }],
    ['page', { type: 'page', parameter: 'pages' }],
  ])('of a server that ignores the parameter of its %s', async (_, paging) => {
    server.answer = (_, response) => json(response, ids(1));
    expect((await failureOf(recordsOf(rest({ paging })))).message).toContain('has given the same page 5 times in a row');
  });

  test('of a server whose cursors go round', async () => {
    const after: Record<string, string> = { none: 'a', a: 'b', b: 'c', c: 'd', d: 'b' };
    server.answer = ({ url = '' }, response) => {
      const cursor = new URL(url, server.url).searchParams.get('cursor') ?? 'none';
      json(response, { data: ids(cursor.charCodeAt(0)), next: after[cursor] });
    };
    const failure = await failureOf(recordsOf(rest({ records: 'data', paging: { type: 'cursor' } })));
    expect(failure.message).toContain('is followed by itself, or by one before it');
    expect(server.asked.length).toBeLessThan(15);
  });

  test('but not pages that end, some of them alike', async () => {
    server.answer = ({ url = '' }, response) => {
      const offset = Number(new URL(url, server.url).searchParams.get('offset'));
      json(response, offset < 9 ? [{ kind: 'a' }, { kind: 'a' }, { kind: 'a' }] : []);
    };
    expect(await recordsOf(rest({ paging: { type: 'offset' } }))).toHaveLength(9);
  });
});

describe('a secret', () => {
  test('is sent to hosts that the operator names for it alone, by https or at a port that is named', async () => {
    const read = (secretHosts: Record<string, string[]>, url = server.url) =>
      failureOf(
        recordsOf(
          readSource(
            restSource,
            { url, auth: { type: 'bearer', secret: 'TIDEMARK_SECRET_ONE' } },
            { settings: { ...settings(), secretHosts } },
          ),
        ),
      );
    server.answer = (_, response) => void response.writeHead(404).end();
    for (const [name, host] of [
      ['TIDEMARK_SECRET_OTHER', server.host],
      ['TIDEMARK_SECRET_ONE', 'api.example.com'],
    ] as const) {
      expect((await read({ [name]: [host] })).message).toContain(
        `TIDEMARK_SECRET_ONE may not be sent to ${server.url}: whoever runs the workers says where it may go in TIDEMARK_SOURCE_SECRETS`,
      );
    }
    expect(server.asked).toEqual([]);
    expect((await read({ TIDEMARK_SECRET_ONE: [server.host] })).message).toContain('answered 404');
    const to = (address: string) => maySendSecret(new URL(address), ['API.example.com', 'localhost:80']);
    expect(['https://api.example.com/x', 'http://api.example.com/x', 'https://api.example.com:8443', 'http://localhost'].map(to)).toEqual([
      true,
      false,
      false,
      true,
    ]);
  });

  test.each([
    { type: 'bearer', secret: 'TIDEMARK_SECRET_LINES' },
    { type: 'header', name: 'x-key', secret: 'TIDEMARK_SECRET_LINES' },
  ])('that no header takes is told by its name, and not asked with: %j', async (auth) => {
    const waits: string[] = [];
    const failure = await failureOf(recordsOf(rest({ auth }, { onWait: async (text) => void waits.push(text) })));
    expect(failure.message).toContain('TIDEMARK_SECRET_LINES holds what no header takes, such as a line break');
    expect(failure.message).not.toContain('line\n');
    expect([waits, server.asked]).toEqual([[], []]);
  });

  test('in a header that fetch refuses is not in the error', async () => {
    const source = {
      ...restSource,
      async *read(_: unknown, { http }: Parameters<typeof restSource.read>[1]) {
        await http().json(new URL(server.url), { credentials: { authorization: 'Bearer first\nsecond' } });
        yield { records: [], cursor: null };
      },
    };
    const { message } = await failureOf(recordsOf(readSource(source, { url: server.url }, { settings: settings() })));
    expect(message).toContain('a header holds what no header may');
    expect(message).not.toContain('second');
  });

  test('that a server repeats in the link to the next page is not kept', async () => {
    server.answer = ({ url = '' }, response) =>
      json(response, { data: [{ id: 1 }], next: url.includes('after') ? null : '/?after=1&access=very-secret&size=2' });
    const cursors: unknown[] = [];
    const options = { records: 'data', paging: { type: 'link', next: 'next' }, auth: { type: 'bearer', secret: 'TIDEMARK_SECRET_ONE' } };
    for await (const { cursor } of rest(options)) cursors.push(cursor);
    expect(cursors).toEqual([{ url: `${server.url}/?after=1&size=2` }, null]);
  });

  test.each([
    ['?author=octocat', true],
    ['?key=orders', true],
    ['?keys=a', true],
    ['?key=AIzaSyD-1234567890abcdefghij', false],
    ['?auth=x', false],
    ['?auth_id=x', false],
    ['?pwd=x', false],
    ['?jwt=x', false],
    ['?subscription-key=x', false],
  ])('in an address is refused by what its parameter is called: %s', (query, isTaken) => {
    expect(restSource.options.safeParse({ url: `https://example.com/${query}` }).success).toBe(isTaken);
  });

  test.each(['X-Auth', 'Ocp-Apim-Subscription-Key', 'Authorization', 'X-Access-Key', 'Key'])('in the header %s is refused', (name) => {
    expect(restSource.options.safeParse({ url: 'https://example.com', headers: { [name]: 'x' } }).success).toBe(false);
    expect(restSource.options.safeParse({ url: 'https://example.com', headers: { 'x-author': 'x' } }).success).toBe(true);
  });
});

describe('hosts that may be reached', () => {
  const reaches = (allowed: string, address: string) => {
    try {
      requireAllowed(new URL(address), [allowed]);
      return true;
    } catch {
      return false;
    }
  };

  test.each([
    ['api.example.com', 'https://api.example.com/x', true],
    ['api.example.com', 'http://api.example.com/x', true],
    ['api.example.com', 'https://api.example.com:8443/x', false],
    ['api.example.com', 'https://evil.api.example.com/x', false],
    ['api.example.com:443', 'https://api.example.com/x', true],
    ['api.example.com:443', 'http://api.example.com/x', false],
    ['api.example.com:8443', 'https://api.example.com:8443/x', true],
    ['*.example.com', 'https://a.b.example.com/x', true],
    ['*.example.com', 'https://example.com/x', false],
    ['*.example.com', 'https://evilexample.com/x', false],
    ['[::1]:8080', 'http://[::1]:8080/x', true],
    ['127.0.0.1', 'http://2130706433/x', true],
    ['localhost', 'http://127.0.0.1/x', false],
  ])('%s and %s: %s', (allowed, address, expected) => {
    expect(reaches(allowed, address)).toBe(expected);
  });

  test('are hosts, in the settings of a worker and in those of the job', () => {
    expect(allowedHostProblem('https://api.example.com')).toContain('use names of hosts');
    expect(() => downloadRecordsJob({ allowedHosts: ['https://api.example.com'] })).toThrow(InvalidInputError);
    expect(() => downloadRecordsJob({ secretHosts: { TIDEMARK_SECRET_ONE: ['a/b'] } })).toThrow(InvalidInputError);
    const load = (TIDEMARK_SOURCE_SECRETS: string) => loadSourceSettings({ TIDEMARK_SOURCE_SECRETS }).secretHosts;
    expect(load('TIDEMARK_SECRET_A=api.example.com, TIDEMARK_SECRET_A=*.example.org:8443,TIDEMARK_SECRET_B=localhost:1')).toEqual({
      TIDEMARK_SECRET_A: ['api.example.com', '*.example.org:8443'],
      TIDEMARK_SECRET_B: ['localhost:1'],
    });
    expect(() => load('TIDEMARK_SECRET_A=')).toThrow('use names of hosts');
    // Whoever takes it for the secret itself does not find that in the log.
    expect(() => load('very-secret')).toThrow(/^TIDEMARK_SOURCE_SECRETS cannot be used: use names of secrets with a host each/);
  });
});
