/** A stream of Server-Sent Events as a thin client reads it: text, line by line. */
import { until } from './until.ts';

export interface SentEvent {
  id: string;
  event: string;
  // biome-ignore lint/suspicious/noExplicitAny: whatever a test expects of it
  data: any;
}

export interface EventStream {
  readonly status: number;
  /** Everything so far. */
  readonly text: string;
  readonly events: SentEvent[];
  readonly isOver: boolean;
  /** The next event of this name after those that were asked for before. */
  next(event: string): Promise<SentEvent>;
  close(): void;
}

export async function openEventStream(url: string, headers: Record<string, string> = {}): Promise<EventStream> {
  const controller = new AbortController();
  const response = await fetch(url, { headers: { accept: 'text/event-stream', ...headers }, signal: controller.signal });
  let text = '';
  let isOver = false;
  let seen = 0;
  const read = async () => {
    const decoder = new TextDecoder();
    for await (const bytes of response.body as unknown as AsyncIterable<Uint8Array>) text += decoder.decode(bytes, { stream: true });
  };
  read()
    .catch(() => {})
    .finally(() => {
      isOver = true;
    });

  const stream: EventStream = {
    status: response.status,
    get text() {
      return text;
    },
    get events() {
      return eventsIn(text);
    },
    get isOver() {
      return isOver;
    },
    async next(event) {
      const found = await until(
        `an event '${event}' comes`,
        () => stream.events.findIndex((one, index) => index >= seen && one.event === event) + 1,
      );
      seen = found;
      return stream.events[found - 1] as SentEvent;
    },
    close: () => controller.abort(),
  };
  return stream;
}

function eventsIn(text: string): SentEvent[] {
  return text
    .split('\n\n')
    .slice(0, -1)
    .filter((block) => /^(id|event): /.test(block))
    .map((block) => {
      const fields = Object.fromEntries(
        block.split('\n').map((line) => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 2)]),
      );
      return { id: fields.id ?? '', event: fields.event as string, data: JSON.parse(fields.data as string) };
    });
}
