/**
 * Records of a REST API, page by page: by a cursor that each answer gives, by offset, by number, or by the link to the next page. A page that fails is asked for
 * again; where the download goes on is the cursor, offset, number or link after the last page that is in the sheet.
 */
import { z } from 'zod';
import { defineSource, type SourcePage } from '../define-source.ts';
import { SourceRefusedError, SourceUnavailableError } from '../source-errors.ts';
import { credentialsOf, httpOptions } from './http-options.ts';
import { pageRepeats } from './page-repeats.ts';

/** Names of fields with dots between: `data.items`. '' is the whole answer. */
const path = z.string().max(200);
const parameter = z.string().min(1).max(100);

const paging = z.discriminatedUnion('type', [
  /** `next` is where an answer says the cursor of the next page; none, null or '' is the last one. */
  z.strictObject({ type: z.literal('cursor'), parameter: parameter.default('cursor'), next: path.default('next') }),
  /** Until a page has no records. */
  z.strictObject({ type: z.literal('offset'), parameter: parameter.default('offset') }),
  z.strictObject({ type: z.literal('page'), parameter: parameter.default('page'), first: z.int().min(0).default(1) }),
  /** By the header `Link: <…>; rel="next"`, or by an address at `next` in the answer. */
  z.strictObject({ type: z.literal('link'), next: path.optional() }),
  z.strictObject({ type: z.literal('none') }),
]);

const restOptions = z.strictObject({
  ...httpOptions,
  /** Where the records are in an answer. */
  records: path.default(''),
  /** Where the number of all records is, for the progress. */
  total: path.optional(),
  paging: paging.default({ type: 'none' }),
  pageSize: z.int().min(1).max(10_000).optional(),
  /** What `pageSize` is sent as. */
  pageSizeParameter: parameter.default('limit'),
});

type RestOptions = z.output<typeof restOptions>;
/** Where the next page is; null: there is none. */
type Place = { cursor?: string | number; offset?: number; page?: number; url?: string } | null;

export const restSource = defineSource({
  kind: 'rest',
  options: restOptions,
  async *read(options, { cursor, http, secret }): AsyncGenerator<SourcePage> {
    const client = http({ timeoutMs: options.timeoutMs, requestsPerSecond: options.requestsPerSecond });
    const first = new URL(options.url);
    const { credentials, parameter: secretParameter, value: secretValue } = credentialsOf(options.auth, first, secret);
    const refuseRepeats = pageRepeats(first.host);
    for (let place = (cursor === undefined ? {} : cursor) as Place; place !== null; ) {
      const url = addressOf(options, place);
      // A link may lead elsewhere, where nobody needs to know who asks.
      const isSame = url.origin === first.origin;
      if (secretParameter && isSame) url.searchParams.set(secretParameter.name, secretParameter.value);
      const { value, headers } = await client.json(url, { headers: options.headers, ...(isSame ? { credentials } : {}) });
      const records = recordsOf(options, first.host, value);
      const total = options.total === undefined ? undefined : at(value, options.total);
      if (secretParameter) url.searchParams.delete(secretParameter.name);
      const next = nextOf(options, place, { value, headers, count: records.length, url, secret: secretValue });
      refuseRepeats({ place, next, records });
      yield { records, cursor: next, ...(typeof total === 'number' ? { total } : {}) };
      place = next;
    }
  },
});

function addressOf({ url, paging: by, pageSize, pageSizeParameter }: RestOptions, place: NonNullable<Place>): URL {
  if (place.url !== undefined) {
    return new URL(place.url);
  }
  const address = new URL(url);
  if (pageSize !== undefined) {
    address.searchParams.set(pageSizeParameter, String(pageSize));
  }
  switch (by.type) {
    case 'cursor':
      if (place.cursor !== undefined) address.searchParams.set(by.parameter, String(place.cursor));
      break;
    case 'offset':
      address.searchParams.set(by.parameter, String(place.offset ?? 0));
      break;
    case 'page':
      address.searchParams.set(by.parameter, String(place.page ?? by.first));
      break;
  }
  return address;
}

interface Answer {
  value: unknown;
  headers: Headers;
  count: number;
  url: URL;
  secret: string | undefined;
}

function nextOf({ auth, paging: by }: RestOptions, place: NonNullable<Place>, { value, headers, count, url, secret }: Answer): Place {
  switch (by.type) {
    case 'none':
      return null;
    case 'offset':
      // A server may give less than was asked for, so only an empty page is past the end.
      return count === 0 ? null : { offset: (place.offset ?? 0) + count };
    case 'page':
      return count === 0 ? null : { page: (place.page ?? by.first) + 1 };
    case 'cursor': {
      const next = at(value, by.next);
      return (typeof next === 'string' && next !== '') || typeof next === 'number' ? { cursor: next } : null;
    }
    case 'link': {
      const next = by.next === undefined ? linkIn(headers) : at(value, by.next);
      if (typeof next !== 'string' || next === '') {
        return null;
      }
      const link = URL.canParse(next, url.href) ? new URL(next, url) : undefined;
      if (link === undefined || !/^https?:$/.test(link.protocol) || link.username !== '' || link.password !== '') {
        throw new SourceRefusedError(`${url.host} gives a link to the next page that is no address of HTTP. Check paging.`);
      }
      // What is kept holds no secret, also where the server repeats it.
      for (const [name, given] of [...link.searchParams]) {
        if (given === secret || (auth?.type === 'query' && name === auth.name)) link.searchParams.delete(name);
      }
      return { url: link.href };
    }
  }
}

function linkIn(headers: Headers): string | undefined {
  const links = headers.get('link')?.split(/,(?=\s*<)/) ?? [];
  return links.map((link) => /^\s*<([^>]*)>.*;\s*rel="?next"?/i.exec(link)?.[1]).find((link) => link !== undefined);
}

function recordsOf({ records }: RestOptions, host: string, value: unknown): Record<string, unknown>[] {
  const list = at(value, records);
  if (!Array.isArray(list)) {
    // Some answer an error as 200; the next one may be what it should be.
    throw new SourceUnavailableError(
      `${host} answered no list${records === '' ? '' : ` at '${records}'`}. Check records, where in the answer they are.`,
    );
  }
  return list.map((record) => (typeof record === 'object' && record !== null && !Array.isArray(record) ? record : { value: record }));
}

/** Own fields only. */
function at(value: unknown, names: string): unknown {
  return names === ''
    ? value
    : names
        .split('.')
        .reduce<unknown>(
          (here, name) =>
            typeof here === 'object' && here !== null && Object.hasOwn(here, name) ? (here as Record<string, unknown>)[name] : undefined,
          value,
        );
}
