/** Who gets in: every route of the OpenAPI document, with every kind of caller that must not. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createAuthorizer } from '../../src/http/authorizer.ts';
import { sheet } from '../../src/index.ts';
import type { Database } from '../../src/postgres/queryable.ts';
import { type Bearer, findToken } from '../../src/tokens/find-token.ts';
import { listTokens } from '../../src/tokens/list-tokens.ts';
import { revokeToken } from '../../src/tokens/revoke-token.ts';
import { SCOPES, type Scope } from '../../src/tokens/scopes.ts';
import { beginSession, endSession, findSession } from '../../src/tokens/session.ts';
import { formatToken, newTokenText, parseToken } from '../../src/tokens/token-text.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { type Answer, startTestServer, type TestServer } from '../support/http-server.ts';
import { askForTokens, bearer, makeToken } from '../support/http-tokens.ts';
import { until } from '../support/until.ts';

interface Operation {
  method: string;
  path: string;
  /** 'public', 'caller' or a scope. */
  needs: string;
  /** Another scope that does as well. */
  or: string | undefined;
  namesLog: boolean;
}

let database: TestDatabase;
let server: TestServer;
let readOnly: TestServer;
let operations: Operation[];

beforeAll(async () => {
  database = await createTestDatabase();
  server = await startTestServer(database, askForTokens(database));
  readOnly = await startTestServer(database, { ...askForTokens(database), readOnly: true });
  operations = operationsOf((await server.request('GET', '/openapi.json')).body);
});
afterAll(async () => {
  await Promise.all([server?.close(), readOnly?.close()]);
  await database?.drop();
});

// biome-ignore lint/suspicious/noExplicitAny: an OpenAPI document
function operationsOf(document: any): Operation[] {
  return Object.entries(document.paths).flatMap(([path, methods]) =>
    // biome-ignore lint/suspicious/noExplicitAny: an OpenAPI document
    Object.entries(methods as Record<string, any>).map(([method, { security }]) => ({
      method: method.toUpperCase(),
      path: path.replaceAll('{logId}', 'mine-1').replaceAll(/\{\w+\}/g, '0'),
      needs: security.length === 0 ? 'public' : (security[0].token[0] ?? 'caller'),
      or: SCOPES.find((scope) => security.slice(1).some((one: Record<string, string[]>) => one.token?.includes(scope))),
      namesLog: path.includes('{logId}'),
    })),
  );
}

/** The status and code of each of these, which may be a stream. */
async function ask(
  of: TestServer,
  { method, path }: Operation,
  headers: Record<string, string>,
): Promise<{ status: number; code?: string }> {
  const hangUp = new AbortController();
  const response = await fetch(`${of.url}${path}`, { method, headers, redirect: 'manual', signal: hangUp.signal });
  const isProblem = response.headers.get('content-type')?.includes('problem+json');
  const code = isProblem ? ((await response.json()) as { code: string }).code : undefined;
  hangUp.abort();
  return { status: response.status, ...(code === undefined ? {} : { code }) };
}

/** Those of `chosen` that do not answer with this. */
async function others(chosen: Operation[], headers: Record<string, string>, status: number, code: string, of = server): Promise<unknown[]> {
  expect(chosen.length).toBeGreaterThan(0);
  const answers = await Promise.all(chosen.map(async (operation) => ({ operation, answer: await ask(of, operation, headers) })));
  return answers.filter(({ answer }) => answer.status !== status || answer.code !== code);
}

const guarded = () => operations.filter(({ needs }) => needs !== 'public');

describe('every route that is not public', () => {
  test('is in the document with what it needs, and few are public', () => {
    expect(operations.length).toBeGreaterThanOrEqual(5);
    const open = operations.filter(({ needs }) => needs === 'public').map(({ method, path }) => `${method} ${path}`);
    for (const one of open) expect(one).toMatch(/^(POST \/session|GET \/health\/\w+)$/);
    for (const { needs } of operations) expect(['public', 'caller', ...SCOPES]).toContain(needs);
  });

  test.each([
    ['without a token', async () => ({})],
    ['with a token that nobody made', async () => bearer(formatToken(newTokenText()))],
    [
      'with the id of a token and another secret',
      async () => bearer(formatToken({ ...newTokenText(), id: (await makeToken(database)).id })),
    ],
    ['with a token cut short', async () => bearer((await makeToken(database)).token.slice(0, -1))],
    ['with a token of another scheme', async () => ({ authorization: `Basic ${(await makeToken(database)).token}` })],
    ['with an expired token', async () => bearer(await expiredToken())],
    ['with a revoked token', async () => bearer(await revokedToken())],
    [
      'with a token in place of a session',
      async () => ({ cookie: `tidemark_session=${(await makeToken(database)).token}`, 'sec-fetch-site': 'same-origin' }),
    ],
    [
      'with a session that nobody began',
      async () => ({ cookie: `tidemark_session=${newTokenText().secret}`, 'sec-fetch-site': 'same-origin' }),
    ],
    [
      'with a session whose token was revoked',
      async () => ({ cookie: `tidemark_session=${await revokedSession()}`, 'sec-fetch-site': 'same-origin' }),
    ],
  ])('refuses who comes %s', async (_, headersOf) => {
    expect(await others(guarded(), await headersOf(), 401, 'unauthenticated')).toEqual([]);
  });

  test('that needs a scope refuses who has all others', async () => {
    const needed = SCOPES.filter((scope) => operations.some(({ needs }) => needs === scope));
    expect(needed).toEqual(expect.arrayContaining(['read', 'write']));
    for (const scope of needed) {
      for (const or of new Set(operations.filter(({ needs }) => needs === scope).map((operation) => operation.or))) {
        const { token } = await makeToken(database, { scopes: SCOPES.filter((other) => ![scope, or, 'admin'].includes(other)) });
        const needing = operations.filter((operation) => operation.needs === scope && operation.or === or);
        expect(await others(needing, bearer(token), 403, 'forbidden')).toEqual([]);
      }
    }
  });

  test('lets in who has exactly its scope, and who has admin', async () => {
    for (const scopes of [...SCOPES.map((scope): [Scope] => [scope])]) {
      const { token } = await makeToken(database, { scopes, logPrefixes: ['mine-'] });
      const allowed = guarded().filter(({ needs }) => needs === 'caller' || needs === scopes[0] || scopes[0] === 'admin');
      const answers = await Promise.all(
        allowed.map(async (operation) => ({ operation, ...(await ask(server, operation, bearer(token))) })),
      );
      const refused = answers.filter(
        ({ status, code, operation }) => status === 401 || (status === 403 && code !== 'not_exposed' && operation.namesLog),
      );
      expect(refused).toEqual([]);
    }
  });

  test('that names a log refuses a token of other logs', async () => {
    const { token } = await makeToken(database, { logPrefixes: ['other-', 'mine-2'] });
    expect(
      await others(
        operations.filter(({ namesLog, needs }) => namesLog && needs !== 'caller'),
        bearer(token),
        403,
        'forbidden',
      ),
    ).toEqual([]);
    expect(await server.request('POST', '/logs', { id: 'mine-1' }, bearer(token))).toMatchObject({
      status: 403,
      body: { code: 'forbidden' },
    });
    await server.request('POST', '/logs', { id: 'other-1' }, bearer(token));
    await server.request('POST', '/logs', { id: 'mine-1' }, bearer((await makeToken(database)).token));
    const { body } = await server.request('GET', '/logs', undefined, bearer(token));
    expect(body.logs.map(({ id }: { id: string }) => id)).toEqual(['other-1']);
  });

  test('that writes is refused by a server that is read-only, whoever asks', async () => {
    const { token } = await makeToken(database);
    const writing = operations.filter(({ needs }) => !['public', 'caller', 'read'].includes(needs));
    expect(await others(writing, bearer(token), 403, 'read_only', readOnly)).toEqual([]);
    expect((await readOnly.request('GET', '/session', undefined, bearer(token))).body).toMatchObject({ readOnly: true });
  });
});

describe('a token', () => {
  test('says who its bearer is, and when it was used, to the minute', async () => {
    const { id, token } = await makeToken(database, { scopes: ['read'], logPrefixes: ['a-'] });
    const session = await server.request('GET', '/session', undefined, bearer(token));
    expect(session).toMatchObject({ status: 200, body: { scopes: ['read'], logPrefixes: ['a-'], auth: 'tokens', readOnly: false } });
    expect(session.body.actor).toMatch(/^token \d+$/);
    const lastUsed = async () => (await listTokens(database.db)).find((info) => info.id === id)?.lastUsedAt;
    const first = await lastUsed();
    expect(first).toBeInstanceOf(Date);
    await findToken(database.db, token);
    expect(await lastUsed()).toEqual(first);
    await database.ownerPool.query(`update tidemark.token set last_used_at = now() - interval '61 seconds' where id = $1`, [id]);
    await findToken(database.db, token);
    expect((await lastUsed())?.getTime()).toBeGreaterThanOrEqual((first as Date).getTime());
  });

  test('is in the database as a hash alone', async () => {
    const { id, token } = await makeToken(database);
    const { rows } = await database.ownerPool.query(`select t::text as row from tidemark.token t where id = $1`, [id]);
    expect(rows[0].row).not.toContain(parseToken(token)?.secret);
    expect(rows[0].row).toContain(id);
  });

  test('of a name that is in use is refused; after it was revoked the name is free', async () => {
    const { createToken } = await import('../../src/tokens/create-token.ts');
    const make = () => createToken(database.db, { name: 'ci', scopes: ['read'] });
    await make();
    await expect(make()).rejects.toThrow("There is a token 'ci' already.");
    expect(await revokeToken(database.db, 'ci')).toMatchObject({ name: 'ci' });
    expect(await revokeToken(database.db, 'ci')).toBeUndefined();
    await make();
  });
});

test('a stream ends when who holds it may not any more, and no other does', async () => {
  const may = { anna: true, ben: true };
  const own = await startTestServer(database, {
    recheckMs: 50,
    authorize: ({ headers }) => (may[headers['x-user'] as 'anna' | 'ben'] ? { scopes: ['read'] } : undefined),
  });
  await own.tidemark.log(sheet, 'streamed').append({ type: 'SetCellValueAndFormat', row: 0, column: 0, value: 1 }, { expect: 'any' });
  const follow = async (user: string) => {
    const hangUp = new AbortController();
    const stream = await fetch(`${own.url}/logs/streamed/events`, { headers: { 'x-user': user }, signal: hangUp.signal });
    const state = { isOver: false, status: stream.status, hangUp };
    stream.text().then(
      () => Object.assign(state, { isOver: true }),
      () => Object.assign(state, { isOver: true }),
    );
    return state;
  };
  const [anna, ben] = [await follow('anna'), await follow('ben')];
  expect([anna.status, ben.status]).toEqual([200, 200]);
  may.anna = false;
  await until('hers is over', () => anna.isOver);
  expect(ben.isOver).toBe(false);
  expect((await follow('anna')).status).toBe(401);
  ben.hangUp.abort();
  await own.close();
});

describe('a session', () => {
  const sameOrigin = { 'sec-fetch-site': 'same-origin' };

  test('is begun with a token, and its cookie is out of reach of scripts and of other sites', async () => {
    const { token } = await makeToken(database, { scopes: ['read', 'write'] });
    const answer = await signIn(token);
    expect(answer.status).toBe(204);
    const cookie = answer.headers.get('set-cookie') ?? '';
    expect(cookie).toMatch(/^tidemark_session=[\w-]{43}; Max-Age=43200; Path=\/; HttpOnly; SameSite=Strict$/);
    const headers = { cookie: cookieOf(answer) };
    expect((await server.request('GET', '/session', undefined, headers)).body).toMatchObject({ scopes: ['read', 'write'] });
    expect((await server.request('POST', '/logs', { id: 'by-session' }, { ...headers, ...sameOrigin })).status).toBe(201);

    expect((await server.request('DELETE', '/session', undefined, { ...headers, ...sameOrigin })).headers.get('set-cookie')).toMatch(
      /^tidemark_session=;/,
    );
    expect((await server.request('GET', '/session', undefined, headers)).status).toBe(401);
  });

  test('of a page that came by https is sent by https alone', async () => {
    const proxied = await startTestServer(database, { ...askForTokens(database), trustProxy: ['127.0.0.1'], basePath: '/tidemark' });
    const { token } = await makeToken(database);
    const https = { 'x-forwarded-proto': 'https' };
    expect((await proxied.request('POST', '/session', { token }, https)).headers.get('set-cookie')).toMatch(
      /Path=\/tidemark; HttpOnly; Secure; SameSite=Strict$/,
    );
    expect((await server.request('POST', '/session', { token }, https)).headers.get('set-cookie')).not.toContain('Secure');
    await proxied.close();
  });

  test('writes only for a page of this server itself', async () => {
    const cookie = cookieOf(await signIn((await makeToken(database)).token));
    const write = (headers: Record<string, string>) => server.request('POST', '/logs', { id: 'cross' }, { cookie, ...headers });
    for (const headers of [
      {},
      { 'sec-fetch-site': 'cross-site' },
      { 'sec-fetch-site': 'same-site' },
      { origin: 'https://evil.example' },
      { origin: 'null' },
      { origin: server.url, 'sec-fetch-site': 'cross-site' },
    ]) {
      expect(await write(headers as Record<string, string>), JSON.stringify(headers)).toMatchObject({
        status: 403,
        body: { code: 'cross_origin' },
      });
    }
    expect((await write({ origin: server.url })).status).toBe(201);
    const signInFromElsewhere = await server.request('POST', '/session', { token: 'x' }, { origin: 'https://evil.example' });
    expect(signInFromElsewhere.body.code).toBe('cross_origin');
  });

  test('ends with its token, by its own time, and when it is signed out', async () => {
    const { id, token } = await makeToken(database);
    const begin = async () => beginSession(database.db, (await findToken(database.db, token)) as never);
    const [one, two, three] = [await begin(), await begin(), await begin()];
    expect(await findSession(database.db, one.secret)).toMatchObject({ tokenId: id, expiresInMs: expect.any(Number) });
    await endSession(database.db, one.secret);
    expect(await findSession(database.db, one.secret)).toBe('unknown');
    await database.ownerPool.query(`update tidemark.session set expires_at = now() where token_id = $1`, [id]);
    expect(await findSession(database.db, two.secret)).toBe('expired');
    await begin();
    expect(await findSession(database.db, two.secret), 'removed by the next one').toBe('unknown');
    expect(await revokeToken(database.db, id)).toMatchObject({ sessions: 1 });
    expect(await findSession(database.db, three.secret)).toBe('unknown');
  });

  test('never outlives its token', async () => {
    const { createToken } = await import('../../src/tokens/create-token.ts');
    const { token } = await createToken(database.db, { name: 'short', scopes: ['read'], expiresInMs: 60_000 });
    const maxAge = Number(/Max-Age=(\d+)/.exec((await signIn(token)).headers.get('set-cookie') ?? '')?.[1]);
    expect(maxAge).toBeGreaterThan(50);
    expect(maxAge).toBeLessThanOrEqual(60);
  });

  test('is one of at most a hundred of its token: another one ends the oldest', async () => {
    const { id, token } = await makeToken(database);
    const bearerOf = (await findToken(database.db, token)) as Bearer;
    const first = await beginSession(database.db, bearerOf);
    const second = await beginSession(database.db, bearerOf);
    await database.ownerPool.query(
      `insert into tidemark.session (hash, token_id, expires_at)
       select sha256(n::text::bytea), $1, now() + interval '1 hour' from generate_series(1, 98) n`,
      [id],
    );
    expect(await findSession(database.db, first.secret)).toMatchObject({ tokenId: id });
    await beginSession(database.db, bearerOf);
    expect(await findSession(database.db, first.secret)).toBe('unknown');
    expect(await findSession(database.db, second.secret)).toMatchObject({ tokenId: id });
    expect((await listTokens(database.db)).find((info) => info.id === id)?.sessions).toBe(100);
  });

  test('is begun so often with one token, and no more; others sign in beside that', async () => {
    const { id, token } = await makeToken(database);
    const other = await makeToken(database);
    for (let begun = 0; begun < 30; begun += 1) expect((await signIn(token)).status).toBe(204);
    const next = await signIn(token);
    expect(next).toMatchObject({ status: 429, body: { code: 'too_many_requests' } });
    expect(Number(next.headers.get('retry-after'))).toBeGreaterThan(0);
    expect((await signIn(other.token)).status).toBe(204);
    expect((await listTokens(database.db)).find((info) => info.id === id)?.sessions).toBe(30);
  });

  test('that is signed out is over also for a request that came beside it', async () => {
    const { db } = database;
    let beside: Answer | undefined;
    const racing: Database = {
      ...db,
      async query(text, values) {
        // Found before it is deleted.
        if (/^delete from \S+session where hash = /.test(text)) beside = await own.request('GET', '/session', undefined, { cookie });
        return db.query(text, values);
      },
    };
    const own = await startTestServer(database, createAuthorizer({ auth: 'tokens', host: '127.0.0.1' }, racing));
    const cookie = cookieOf(await own.request('POST', '/session', { token: (await makeToken(database)).token }));
    expect((await own.request('DELETE', '/session', undefined, { cookie, ...sameOrigin })).status).toBe(204);
    expect(beside).toMatchObject({ status: 200 });
    expect((await own.request('GET', '/session', undefined, { cookie })).status).toBe(401);
    await own.close();
  });

  test('after ten tokens that are not good, an address has to wait; it cannot say that it is another one', async () => {
    const own = await startTestServer(database, askForTokens(database));
    const { token } = await makeToken(database);
    const attempts = await Promise.all(Array.from({ length: 10 }, (_, index) => guess(own, index)));
    expect(new Set(attempts)).toEqual(new Set([401]));
    const next = await own.request('POST', '/session', { token });
    expect(next).toMatchObject({ status: 429, body: { code: 'too_many_requests' } });
    expect(Number(next.headers.get('retry-after'))).toBeGreaterThan(50);
    await own.close();
  });

  test('behind a proxy that is trusted, addresses are those that it names', async () => {
    const proxied = await startTestServer(database, { ...askForTokens(database), trustProxy: ['127.0.0.0/8'] });
    for (let asked = 0; asked < 10; asked += 1) expect(await guess(proxied, 1)).toBe(401);
    expect(await guess(proxied, 1)).toBe(429);
    expect(await guess(proxied, 2)).toBe(401);
    await proxied.close();
  });

  async function guess(of: TestServer, address: number): Promise<number> {
    const headers = { 'x-forwarded-for': `10.0.0.${address}` };
    return (await of.request('POST', '/session', { token: formatToken(newTokenText()) }, headers)).status;
  }

  function signIn(token: string): Promise<Answer> {
    return server.request('POST', '/session', { token });
  }
});

test('strangers make the database look as often as an address may ask and no more; who was found before gets in beside them', async () => {
  let looks = 0;
  const { db } = database;
  const counting: Database = {
    ...db,
    query(text, values) {
      if (/\.token t where/.test(text)) looks += 1;
      return db.query(text, values);
    },
  };
  const own = await startTestServer(database, {
    ...createAuthorizer({ auth: 'tokens', host: '127.0.0.1' }, counting),
    requestsPerMinute: 20,
  });
  const [known, other] = [await makeToken(database), await makeToken(database)];
  const ask = async (token: string) => (await own.request('GET', '/session', undefined, bearer(token))).status;
  expect(await ask(known.token)).toBe(200);
  looks = 0;
  const flood = await Promise.all(Array.from({ length: 60 }, () => ask(formatToken(newTokenText()))));
  expect(flood.filter((status) => status === 401)).toHaveLength(20);
  expect(flood.filter((status) => status === 429)).toHaveLength(40);
  expect(looks).toBe(20);
  expect(await ask(known.token)).toBe(200);
  expect(await ask(other.token), 'whom nobody has seen here before').toBe(429);
  await own.close();
});

test('who asks too often is told when to come back, and nobody else is', async () => {
  const own = await startTestServer(database, { ...askForTokens(database), requestsPerMinute: 5 });
  const [often, rarely] = [await makeToken(database), await makeToken(database)];
  const ask = (token: string) => own.request('GET', '/session', undefined, bearer(token));
  const answers = [];
  for (let asked = 0; asked < 6; asked += 1) answers.push((await ask(often.token)).status);
  expect(answers).toEqual([200, 200, 200, 200, 200, 429]);
  const over = await ask(often.token);
  expect(over.body).toMatchObject({ code: 'too_many_requests', status: 429 });
  expect(Number(over.headers.get('retry-after'))).toBeGreaterThan(0);
  expect((await ask(rarely.token)).status).toBe(200);
  for (let asked = 0; asked < 5; asked += 1) expect((await ask('nonsense')).status).toBe(401);
  expect((await ask('nonsense')).status, 'of one address').toBe(429);
  await own.close();
});

async function expiredToken(): Promise<string> {
  const { id, token } = await makeToken(database);
  await database.ownerPool.query(`update tidemark.token set expires_at = now() - interval '1 second' where id = $1`, [id]);
  return token;
}

async function revokedToken(): Promise<string> {
  const { id, token } = await makeToken(database);
  await revokeToken(database.db, id);
  return token;
}

async function revokedSession(): Promise<string> {
  const { id, token } = await makeToken(database);
  const { secret } = await beginSession(database.db, (await findToken(database.db, token)) as never);
  await revokeToken(database.db, id);
  return secret;
}

function cookieOf({ headers }: Answer): string {
  return (headers.get('set-cookie') ?? '').split(';')[0] as string;
}
