/**
 * Live: Server-Sent Events of a log. A client that loses its connection, or the server, goes on where it was by `Last-Event-ID` or `from`, and
 * misses nothing.
 *
 * A stream ends with the token or session that allowed it (open-requests.ts); where an application says who is there by what it knows of a request, also after
 * some minutes, so that the next request is looked at anew. LISTEN gives hints; once a second all logs that somebody follows are
 * looked at in one round trip, four times as often where work is pending.
 */
import { z } from 'zod';
import { parseSequenceId } from '../event-log/sequence-id.ts';
import { LogEvent } from './event-schemas.ts';
import type { HttpApp, HttpContext } from './http-context.ts';
import { createLogHub, type LogHub } from './log-hub.ts';
import { readLogStates } from './marked-entries.ts';
import { problems } from './problem.ts';
import { untilOver } from './response-over.ts';
import { LogParams, SequenceIdText, TAGS } from './schemas.ts';
import { EVENT_STREAM, type Streams } from './streams.ts';

const DESCRIPTION = `Events: \`entries\` (new entries, with who wrote them), \`metadata\` (what the metadata of an entry is now), \`marked\` (at the beginning: the entries that have metadata), \`truncated\` (the log begins later than \`from\`). The id of each is the next sequence id: where to resume. A comment every 15 seconds says that the stream is alive. A reader that is too slow is cut off, and resumes.`;

export function eventRoutes(app: HttpApp, { tidemark, db, closing, events = {} }: HttpContext, streams: Streams): void {
  const { pollMs = 1_000, pendingPollMs = 250 } = events;
  const hubs = new Map<string, { hub: LogHub; stopHints: () => void; users: number }>();

  /** Gone with the last who uses it. */
  function openHub(logId: string): { hub: LogHub; close: () => void } {
    let open = hubs.get(logId);
    if (open === undefined) {
      const hub = createLogHub(db, logId);
      open = { hub, stopHints: tidemark.subscribe(logId, () => hub.look().catch(() => {})), users: 0 };
      hubs.set(logId, open);
    }
    const { hub } = open;
    open.users += 1;
    return {
      hub,
      close() {
        const used = hubs.get(logId);
        if (used && --used.users === 0) {
          used.stopHints();
          hubs.delete(logId);
        }
      },
    };
  }

  async function compare(isDue: (hub: LogHub) => boolean): Promise<void> {
    const due = [...hubs].filter(([, { hub }]) => isDue(hub));
    if (due.length > 0) {
      const states = await readLogStates(
        db,
        due.map(([logId]) => logId),
      );
      for (const [logId, { hub }] of due) {
        const state = states.get(logId);
        if (state) {
          hub.compare(state);
        }
      }
    }
  }

  let isComparing = false;
  let sinceAll = 0;
  const poll = setInterval(async () => {
    sinceAll += pendingPollMs;
    if (isComparing) {
      return;
    }
    isComparing = true;
    const all = sinceAll >= pollMs;
    sinceAll = all ? 0 : sinceAll;
    // While Postgres is away there is nothing new; the next look finds it.
    await compare((hub) => all || hub.hasPending).catch(() => {});
    isComparing = false;
  }, pendingPollMs).unref();
  closing.addEventListener('abort', () => clearInterval(poll), { once: true });

  app.route({
    method: 'GET',
    url: '/logs/:logId/events',
    config: { access: 'read' },
    exposeHeadRoute: false,
    schema: {
      tags: [TAGS.logs],
      summary: 'Follow a log as it grows (Server-Sent Events)',
      description: DESCRIPTION,
      params: LogParams,
      querystring: z.object({
        from: SequenceIdText.optional().describe(
          'The first sequence id wanted, where there is no `Last-Event-ID`. Default: the end of the log now',
        ),
      }),
      headers: z.object({ 'last-event-id': z.string().max(100).optional() }),
      response: {
        200: { description: 'A stream that goes on until either side ends it', content: { [EVENT_STREAM]: { schema: LogEvent } } },
        ...problems(404, 416),
      },
    },
    async handler(request, reply) {
      const { logId } = request.params;
      // An EventSource that connects again has both, and has got what is before the header.
      const wanted = request.headers['last-event-id'] || request.query.from;
      const from = wanted === undefined ? undefined : parseSequenceId(wanted);
      const end = streams.begin(request);
      const { hub, close } = openHub(logId);
      const over = untilOver(request.raw, reply.raw);
      const leave = () => {
        close();
        end();
      };
      const position = await hub.begin(from).catch((error) => {
        leave();
        throw error;
      });
      reply.hijack();
      if (over.aborted) {
        leave();
        return;
      }
      const reader = streams.open(request, reply, over, (ended) => {
        hub.leave(ended);
        leave();
      });
      await hub.serve(reader, position).catch((error) => {
        request.log.warn({ err: error }, 'a stream was cut off');
        request.raw.socket.destroy();
      });
      if (closing.aborted) {
        reader.end();
      }
    },
  });
}
